"""Common reasons to refuse an action on a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.words import either, word
from tuner.study.service_tables import DELETED

if TYPE_CHECKING:
    from tuner.serve.orders.requests import Request
    from tuner.serve.tables import Job

SUBMITTED = "submitted"  # option of a job with the original values of changed options
NOTES = {SUBMITTED, DELETED}


def taken(job: Job, kind: str = "study") -> UsageError:
    """Return the error for a new job if its study already has an open one.

    Args:
        kind: of the new job; the message for a study also suggests another name.
    """
    if not job.study:
        return UsageError(
            said(
                "job {id} is {state} and cleans up; wait until it ends",
                id=job.id,
                state=word(job.state),
            )
        )
    if kind != "study":
        return busy(job)
    return UsageError(
        said(
            "job {id} is {state} for study {study!r}; change or cancel that job, or choose "
            "another name",
            id=job.id,
            state=word(job.state),
            study=job.study,
        )
    )


def busy(job: Job) -> UsageError:
    """Return the error for an action on a study that another job works on."""
    return UsageError(
        said(
            "job {id} is {state} for study {study!r}; wait for its end or cancel it, then ask "
            "again",
            id=job.id,
            state=word(job.state),
            study=job.study,
        )
    )


def refuse_deleted(job: Job) -> None:
    """Raise an error if the study of a job was deleted.

    Raises:
        UsageError: it was.
    """
    if job.options.get(DELETED):
        raise UsageError(
            said("study {study!r} was deleted; submit it again to search again", study=job.study)
        )


def refuse_another(job: Job, request: Request) -> None:
    """Raise an error if a request differs from the one that a job was submitted with.

    Raises:
        UsageError: it differs.
    """
    submitted = {name: value for name, value in job.options.items() if name not in NOTES}
    submitted |= job.options.get(SUBMITTED, {})
    same = (job.kind, job.study, job.case) == (request.kind, request.study, request.case)
    if not (same and submitted == request.options):
        raise UsageError(
            said(
                "the idempotency key belongs to job {id}, which is another request; use a new key",
                id=job.id,
            )
        )


def refuse_unless(job: Job, allowed: set[str], act: str) -> None:
    """Raise an error if the state of a job does not allow an action.

    Args:
        allowed: the states that allow it.
        act: past participle of the action, for the message.

    Raises:
        UsageError: it is in another state.
    """
    if job.state not in allowed:
        raise UsageError(
            said(
                "job {id} is {state}; only a job that is {allowed} can be {act}",
                id=job.id,
                state=word(job.state),
                allowed=either([word(one) for one in sorted(allowed)]),
                act=word(act),
            )
        )
