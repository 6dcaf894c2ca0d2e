"""Locks on jobs, so that nobody else changes them between reading and writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import false, func, select, update

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.jobs.leases import ENDED
from tuner.serve.orders.refusals import busy, refuse_deleted
from tuner.serve.tables import Job

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SUBMITTING = 0x7375626D6974  # key of an advisory lock (PostgreSQL): "submit" in ASCII


def job_in(session: Session, number: int) -> Job:
    """Return a job.

    Raises:
        UsageError: there is no job with that number.
    """
    job = session.get(Job, number)
    if job is None:
        raise UsageError(
            said("no job {number}; the list of studies shows the existing ones", number=number)
        )
    return job


def held(session: Session, number: int) -> Job:
    """Return a job, locked until this session ends.

    An update without an effect locks the row, or on SQLite the whole database. Without the lock, a
    value that was read could be outdated when it is used.

    Raises:
        UsageError: there is no job with that number.
    """
    session.execute(update(Job).where(Job.id == number).values(id=Job.id))
    session.expire_all()
    return job_in(session, number)


def alone(session: Session) -> None:
    """Prevent others from submitting or resuming a job until this session ends.

    The caller first reads whether a study has an open job, and then creates or queues one. Nobody
    may do the same in between. On SQLite even an update of no row locks the whole database.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(SUBMITTING)))
    else:
        connection.execute(update(Job).where(false()).values(id=Job.id))


def held_alone(session: Session, number: int) -> Job:
    """Return a job to be queued, while nobody else can queue one for its study.

    Raises:
        UsageError: another job has its study, for example to delete it, or the study was deleted.
    """
    alone(session)
    job = held(session, number)
    refuse_deleted(job)
    if (other := open_job(session, job.study, besides=job.id)) is not None:
        raise busy(other)
    return job


def open_job(session: Session, study: str, besides: int | None = None) -> Job | None:
    """Return the job of a study that has not ended; None if there is none.

    Args:
        besides: number of a job to ignore.
    """
    wanted = select(Job).where(Job.study == study, Job.state.not_in(ENDED))
    return session.scalar(wanted if besides is None else wanted.where(Job.id != besides))
