"""Finds the study of an action, and records the action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.finding import catalogue_of
from tuner.serve.tables import AT_WORK
from tuner.study.schema import FACTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.serve.service import Service
    from tuner.serve.tables import Job


def job_of(service: Service, name: str) -> Job:
    """Return the job of a study.

    Raises:
        UsageError: the study does not exist, or the service has not run it.
    """
    job = service.queue.of_study(name)
    if job is None:
        catalogue_of(service.storage, name).check(name)
        raise UsageError(
            said(
                "study {name!r} was run from a command line, not by this service; continue it "
                "there, or submit it here under its name with the same case, seed and fixed "
                "values",
                name=name,
            )
        )
    return job


def facts_of(service: Service, name: str) -> Mapping[str, Any]:
    """Return the settings that a study was made with.

    Raises:
        UsageError: the study does not exist.
    """
    catalogue = catalogue_of(service.storage, name)
    catalogue.check(name)
    facts: Mapping[str, Any] = catalogue.studies[name][FACTS]
    return facts


def reference_of(service: Service, name: str) -> str:
    """Return the stored reference to the case of a study.

    Raises:
        UsageError: the study does not exist.
    """
    facts = facts_of(service, name)
    return str(facts.get("reference", facts["case"]))


def noted(service: Service, who: str, what: str, job: Job) -> Job:
    """Record an action that changed the job of a study; return the job."""
    if job.kind == "study" and job.state in AT_WORK:
        service.tidying.bring_back(job.study)  # the list must show a study that is running
    note(service, who, what, job.study)
    return job


def note(service: Service, who: str, what: str, study: str) -> None:
    """Record an action on a study."""
    service.acts.note(who, what, study)
    service.browser.forget()
