"""The jobs of a service: submitted, claimed by one owner, asked to stop, ended.

A claim is a lease that its owner renews. A lease that runs out means that its service has died: the
job is queued again, and the study continues where it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tuner.errors import UsageError
from tuner.serve.tables import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    from tuner.serve.requests import Request
    from tuner.serve.tables import State, Wish

LEASE = 15.0  # seconds
SECONDS_BETWEEN_RENEWALS = 3.0
MOST_STARTS = 3  # of a process that dies each time
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
AFTER: dict[str, State] = {"pause": "paused", "cancel": "cancelled", "restart": "queued"}


@dataclass(frozen=True, slots=True)
class Queue:
    """Jobs in the database.

    Args:
        clock: seconds since 1970.
    """

    engine: Engine
    clock: Callable[[], float] = time.time

    def submit(self, request: Request, who: str, key: str | None = None) -> Job:
        """Queue a job; the same key twice is the same job.

        Raises:
            UsageError: another job is at work on that study, or the key belongs to another request.
        """
        with self._session() as session:
            if key is not None and (known := session.scalar(select(Job).where(Job.key == key))):
                return _same(known, request)
            open_one = session.scalar(
                select(Job).where(Job.study == request.study, Job.state.not_in(ENDED))
            )
            if open_one:
                raise UsageError(
                    f"job {open_one.id} is {open_one.state} for study {request.study!r}; change or "
                    "cancel that job, or choose another name"
                )
            job = Job(
                key=key,
                kind=request.kind,
                study=request.study,
                case=request.case,
                options=dict(request.options),
                state="queued",
                wish="",
                who=who,
                submitted=self.clock(),
                starts=0,
                last_words="",
            )
            session.add(job)
            try:
                session.commit()
            except IntegrityError:  # the same key at the same moment
                session.rollback()
                return _same(session.scalars(select(Job).where(Job.key == key)).one(), request)
            return job

    def all(self) -> Sequence[Job]:
        """Return all jobs, newest first."""
        with self._session() as session:
            return session.scalars(select(Job).order_by(Job.id.desc())).all()

    def get(self, number: int) -> Job:
        """Return a job.

        Raises:
            UsageError: there is none of that number.
        """
        with self._session() as session:
            return _job(session, number)

    def of_study(self, name: str) -> Job | None:
        """Return the newest job that searches in a study; None: the service has never run it."""
        with self._session() as session:
            return session.scalar(
                select(Job)
                .where(Job.study == name, Job.kind == "study")
                .order_by(Job.id.desc())
                .limit(1)
            )

    def pause(self, number: int) -> Job:
        """Have a job stop after what it has finished, and stay until it is resumed."""
        return self._wish(number, "pause", {"queued", "running"})

    def cancel(self, number: int) -> Job:
        """Have a job stop for good; what it has finished is kept."""
        return self._wish(number, "cancel", {"queued", "running", "paused"})

    def resume(self, number: int) -> Job:
        """Queue a job again that was paused or has ended.

        Raises:
            UsageError: it is queued or running already.
        """
        with self._session() as session:
            job = _job(session, number)
            _refuse(job, {"paused", *ENDED}, "resumed")
            return self._queued(session, job)

    def change(self, number: int, **options: Any) -> Job:
        """Change how a job's command is called, and have it continue with that.

        A running process is asked to stop and is started again; nothing that has finished is lost.
        """
        with self._session() as session:
            job = _job(session, number)
            job.options = {**job.options, **options}
            if job.state == "running":
                job.wish = "restart"
                session.commit()
                return job
            return self._queued(session, job) if job.state != "paused" else _saved(session, job)

    def claim(self, owner: str) -> Job | None:
        """Take the oldest queued job; None: there is none, or another service was faster."""
        with self._session() as session:
            waiting = select(Job.id).where(Job.state == "queued").order_by(Job.id).limit(1)
            number = session.scalar(waiting)
            now = self.clock()
            taken = session.connection().execute(
                update(Job)
                .where(Job.id == number, Job.state == "queued")
                .values(state="running", wish="", owner=owner, lease=now + LEASE, started=now)
            )
            session.commit()
            return session.get(Job, number) if taken.rowcount else None

    def started(self, number: int) -> None:
        """Count a start of the job's process."""
        with self._session() as session:
            session.execute(update(Job).where(Job.id == number).values(starts=Job.starts + 1))
            session.commit()

    def beat(self, number: int, owner: str) -> Wish | None:
        """Renew a lease; return what a person has asked for; None: the job is no longer ours."""
        with self._session() as session:
            job = session.get(Job, number)
            if job is None or job.owner != owner or job.state != "running":
                return None
            wish: Wish = job.wish  # type: ignore[assignment]
            lease = self.clock() + LEASE
            if job.lease is None or lease - job.lease > SECONDS_BETWEEN_RENEWALS:
                session.execute(
                    update(Job)
                    .where(Job.id == number, Job.owner == owner, Job.state == "running")
                    .values(lease=lease)
                )
                session.commit()
            return wish

    def end(
        self, number: int, owner: str, state: State, last_words: str, *, died: bool = False
    ) -> None:
        """Note how a job of ours has ended, or that it waits again.

        Args:
            died: whether its process has; otherwise its starts are counted anew.
        """
        with self._session() as session:
            session.execute(
                update(Job)
                .where(Job.id == number, Job.owner == owner, Job.state == "running")
                .values(
                    state=state,
                    wish="",
                    owner=None,
                    lease=None,
                    ended=self.clock() if state in ENDED else None,
                    last_words=last_words,
                    starts=Job.starts if died else 0,
                )
            )
            session.commit()

    def put_back(self, number: int, owner: str) -> None:
        """Have a job wait that was claimed and cannot be started now."""
        with self._session() as session:
            session.execute(
                update(Job)
                .where(Job.id == number, Job.owner == owner, Job.state == "running")
                .values(state="queued", owner=None, lease=None)
            )
            session.commit()

    def recover(self) -> list[int]:
        """Queue jobs again whose service has died; return their numbers."""
        found = []
        with self._session() as session:
            dead = select(Job).where(Job.state == "running", Job.lease < self.clock())
            for job in session.scalars(dead):
                job.state = AFTER.get(job.wish, "queued")
                job.wish, job.owner, job.lease = "", None, None
                job.starts = max(0, job.starts - 1)  # the service died, not the job's process
                found.append(job.id)
            session.commit()
        return found

    def _wish(self, number: int, wish: Wish, allowed: set[str]) -> Job:
        with self._session() as session:
            job = _job(session, number)
            _refuse(job, allowed, {"pause": "paused", "cancel": "cancelled"}[wish])
            if job.state == "running":
                job.wish = wish
            else:
                job.state = AFTER[wish]
                job.ended = self.clock() if job.state in ENDED else None
            return _saved(session, job)

    def _queued(self, session: Session, job: Job) -> Job:
        job.state, job.wish, job.starts, job.ended = "queued", "", 0, None
        return _saved(session, job)

    def _session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)


def _saved(session: Session, job: Job) -> Job:
    session.commit()
    return job


def _job(session: Session, number: int) -> Job:
    job = session.get(Job, number)
    if job is None:
        raise UsageError(f"no job {number}; the list of studies shows those there are")
    return job


def _same(job: Job, request: Request) -> Job:
    if (job.kind, job.study, job.case) != (request.kind, request.study, request.case):
        raise UsageError(
            f"the idempotency key belongs to job {job.id}, which is another request; use a new key"
        )
    return job


def _refuse(job: Job, allowed: set[str], act: str) -> None:
    if job.state not in allowed:
        raise UsageError(
            f"job {job.id} is {job.state}; only a job that is {' or '.join(sorted(allowed))} can "
            f"be {act}"
        )
