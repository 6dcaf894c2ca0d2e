"""What cannot be done with a job, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.words import either, word

if TYPE_CHECKING:
    from tuner.serve.requests import Request
    from tuner.serve.tables import Job


def taken(job: Job) -> UsageError:
    """Build the error for a study that a job is at work on."""
    if not job.study:
        return UsageError(
            said(
                "job {id} is {state} and cleans up; wait for its end",
                id=job.id,
                state=word(job.state),
            )
        )
    return UsageError(
        said(
            "job {id} is {state} for study {study!r}; change or cancel that job, or choose "
            "another name",
            id=job.id,
            state=word(job.state),
            study=job.study,
        )
    )


def refuse_another(job: Job, request: Request) -> None:
    """Refuse a request that is not the one for which a job was submitted.

    Raises:
        UsageError: it is not.
    """
    if (job.kind, job.study, job.case) != (request.kind, request.study, request.case):
        raise UsageError(
            said(
                "the idempotency key belongs to job {id}, which is another request; use a new key",
                id=job.id,
            )
        )


def refuse_unless(job: Job, allowed: set[str], act: str) -> None:
    """Refuse to do something with a job that its state does not allow.

    Raises:
        UsageError: it does not.
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
