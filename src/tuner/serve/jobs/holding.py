"""Jobs held for a moment, so that nobody else changes what is read before it is written."""

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

SUBMITTING = 0x7375626D6974  # names the lock on a server under which jobs are made: "submit"


def job_in(session: Session, number: int) -> Job:
    """Return a job.

    Raises:
        UsageError: there is none of that number.
    """
    job = session.get(Job, number)
    if job is None:
        raise UsageError(
            said("no job {number}; the list of studies shows the existing ones", number=number)
        )
    return job


def held(session: Session, number: int) -> Job:
    """Return a job that nobody else can change until this session ends.

    An update that changes nothing takes the row, on SQLite the whole database: what is read before
    one may be old already when something is made of it.

    Raises:
        UsageError: there is none of that number.
    """
    session.execute(update(Job).where(Job.id == number).values(id=Job.id))
    session.expire_all()
    return job_in(session, number)


def alone(session: Session) -> None:
    """Let nobody else submit or resume a job until this session ends.

    Whether a study has a job at work is read first, and its job made or queued after that. On
    SQLite an update takes the whole database, also one of no row.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(SUBMITTING)))
    else:
        connection.execute(update(Job).where(false()).values(id=Job.id))


def held_alone(session: Session, number: int) -> Job:
    """Return a job that may be queued, while nobody else queues one for its study.

    Raises:
        UsageError: another job has its study, as one that deletes it, or it was deleted.
    """
    alone(session)
    job = held(session, number)
    refuse_deleted(job)
    if (other := open_job(session, job.study, besides=job.id)) is not None:
        raise busy(other)
    return job


def open_job(session: Session, study: str, besides: int | None = None) -> Job | None:
    """Return the job of a study that has not ended, if there is one.

    Args:
        besides: number of a job that is not meant.
    """
    wanted = select(Job).where(Job.study == study, Job.state.not_in(ENDED))
    return session.scalar(wanted if besides is None else wanted.where(Job.id != besides))
