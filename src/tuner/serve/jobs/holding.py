"""Locks on jobs, so that nobody else changes them between reading and writing.

A lock belongs to the transaction of a session, which releases it when it ends.
"""

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

QUEUEING = 0x7375626D6974  # key of an advisory lock (PostgreSQL): "submit" in ASCII


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


def locked_job(session: Session, number: int) -> Job:
    """Return a job, locked until this session ends: what is read now holds when it is written.

    Raises:
        UsageError: there is no job with that number.
    """
    _lock_row(session, number)
    session.expire_all()  # what was read before the lock may be outdated
    return job_in(session, number)


def job_to_queue(session: Session, number: int) -> Job:
    """Return a job to be queued, while nobody else can queue one for its study.

    Raises:
        UsageError: another job has its study, for example to delete it, or the study was deleted.
    """
    lock_queueing(session)
    job = locked_job(session, number)
    refuse_deleted(job)
    if (other := open_job(session, job.study, besides=job.id)) is not None:
        raise busy(other)
    return job


def lock_queueing(session: Session) -> None:
    """Prevent others from submitting or resuming a job until this session ends.

    The caller first reads whether a study has an open job, and then creates or queues one. Nobody
    may do the same in between. There may be no row yet that could be locked.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(QUEUEING)))
    else:
        # SQLite locks the whole database for any update, even for one of no row.
        connection.execute(update(Job).where(false()).values(id=Job.id))


def _lock_row(session: Session, number: int) -> None:
    # The update changes nothing: it is there for its lock, on the row, or on SQLite on the whole
    # database. `SELECT ... FOR UPDATE` would not do, because SQLite ignores it.
    session.execute(update(Job).where(Job.id == number).values(id=Job.id))


def open_job(session: Session, study: str, besides: int | None = None) -> Job | None:
    """Return the job of a study that has not ended; None if there is none.

    Args:
        besides: number of a job to ignore.
    """
    wanted = select(Job).where(Job.study == study, Job.state.not_in(ENDED))
    return session.scalar(wanted if besides is None else wanted.where(Job.id != besides))
