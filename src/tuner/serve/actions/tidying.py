"""Actions that keep order: tag, archive and delete studies; remove unneeded files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.actions.noting import facts_of, note, noted
from tuner.serve.orders.chores import clean_request, delete_request
from tuner.serve.tables import AT_WORK
from tuner.serve.words import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.serve.disk.upkeep import Upkeep
    from tuner.serve.service import Service
    from tuner.serve.tables import Job


def tag(service: Service, who: str, name: str, given: Sequence[str]) -> list[str]:
    """Replace the tags of a study; return the new ones.

    Raises:
        UsageError: the study does not exist, or a tag is invalid.
    """
    service.browser.study(name)
    tags = service.tidying.tag(name, given)
    note(service, who, f"tag {', '.join(tags)}" if tags else "take its tags away", name)
    return tags


def archive(service: Service, who: str, name: str, *, away: bool) -> None:
    """Archive a study, or unarchive it.

    Raises:
        UsageError: the study does not exist, or a job works on it.
    """
    job = service.browser.study(name)["job"]
    if away and job and job["state"] in AT_WORK:
        raise UsageError(
            said(
                "study {name!r} is {state}; pause or cancel it, then archive it",
                name=name,
                state=word(job["state"]),
            )
        )
    if away:
        service.tidying.archive(name, who)
    else:
        service.tidying.bring_back(name)
    note(service, who, "archive" if away else "bring back", name)


def delete(service: Service, who: str, name: str) -> Job:
    """Queue the deletion of a study and of everything that belongs to it.

    Raises:
        UsageError: the study does not exist, or another job has it.
    """
    request = delete_request(service.workplace, name, str(facts_of(service, name)["case"]))
    return noted(service, who, "delete", service.queue.submit(request, who))


def clean(service: Service, who: str, age: int, names: Sequence[str] | None) -> Job:
    """Queue a clean-up of items that are no longer needed.

    Args:
        age: minimum number of days without a change.
        names: of the items to remove; None for all that were found.

    Raises:
        UsageError: none of the items exists, or a clean-up is already running.
    """
    request = clean_request(service.workplace, age, names)
    job = service.queue.submit(request, who)
    what = job.options["what"]
    told = f"all that was not changed for {age} days" if what is None else f"{len(what)} files"
    service.acts.note(who, f"remove {told}", "storage folder")
    return job


def set_upkeep(service: Service, who: str, upkeep: Upkeep) -> None:
    """Set when the service cleans up, and how much a study may keep."""
    upkeep.keep(service.storage.engine)
    told = f"clean up every {upkeep.every} days what is {upkeep.older_than} days old"
    service.acts.note(who, f"{told}; {upkeep.budget} MiB a study", "storage folder")
