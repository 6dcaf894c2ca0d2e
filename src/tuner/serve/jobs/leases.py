"""Claims jobs, holds them by leases that the owner renews, and releases them.

If a lease expires, its service has died: the job is queued again, and the study continues where it
was. The same happens if a lease ends much later than any lease given now, because then the clock
was set back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Float, and_, case, cast, func, literal, not_, null, select, update
from sqlalchemy.orm import Session

from tuner.serve.jobs.turns import CHORES, in_turn, share
from tuner.serve.tables import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import ColumnElement, Engine

    from tuner.serve.tables import State, Wish

LEASE = 15.0  # seconds
SECONDS_BETWEEN_RENEWALS = 3.0
SECONDS_OF_USE = 86_400.0  # people without workers in the last day come first
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
AFTER: dict[str, State] = {"pause": "paused", "cancel": "cancelled", "restart": "queued"}


@dataclass(frozen=True, slots=True)
class Leases:
    """The jobs in the database, as services claim them.

    Args:
        clock: seconds since 1970.
    """

    engine: Engine
    clock: Callable[[], float] = time.time

    def claim(
        self,
        owner: str,
        slots: int = 1,
        *,
        skip: Collection[int] = (),
        chores_only: bool = False,
    ) -> Job | None:
        """Claim the next queued job; None if there is none for us, or another service was faster.

        Args:
            slots: all workers of this service, including busy ones; a job gets its share of them.
            skip: numbers of jobs that cannot start now.
            chores_only: whether to claim no job that trains.
        """
        with self._session() as session:
            waiting = self._in_turn(session)
            if not waiting:
                return None
            ours = session.scalars(
                select(Job).where(Job.state == "running", Job.owner == owner)
            ).all()
            free = slots - sum(one.slots or 0 for one in ours)
            for job in waiting:
                is_chore = job.kind in CHORES
                if job.id in skip or not (is_chore or (free > 0 and not chores_only)):
                    continue
                return self._take(session, job, owner, _slots(job, slots, free, waiting, ours))
            return None

    def ask_again(self, number: int, owner: str) -> None:
        """Make a job of ours stop and wait again, unless a person has asked for something else."""
        with self._session() as session:
            session.execute(
                update(Job)
                .where(Job.id == number, Job.owner == owner, Job.state == "running", Job.wish == "")
                .values(wish="restart")
            )
            session.commit()

    def started(self, number: int) -> None:
        """Count a start of the job's process."""
        with self._session() as session:
            session.execute(update(Job).where(Job.id == number).values(starts=Job.starts + 1))
            session.commit()

    def beat(self, number: int, owner: str) -> Wish | None:
        """Renew a lease; return a person's request, if any; None if the job is no longer ours."""
        with self._session() as session:
            job = session.get(Job, number)
            if job is None or job.owner != owner or job.state != "running":
                return None
            wish: Wish = job.wish  # type: ignore[assignment]
            lease = self.clock() + LEASE
            if job.lease is None or abs(lease - job.lease) > SECONDS_BETWEEN_RENEWALS:
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
        """Record how a job of ours has ended, or that it waits again.

        A finished job waits again if a person has changed it meanwhile: its process may no longer
        have been able to take the change into account.

        Args:
            died: whether its process died; otherwise the count of its starts is reset.
        """
        changed = and_(Job.wish == "restart", literal(state == "done"))
        ended = self.clock() if state in ENDED else None
        with self._session() as session:
            session.execute(
                update(Job)
                .where(Job.id == number, Job.owner == owner, Job.state == "running")
                .values(
                    state=case((changed, literal("queued")), else_=literal(state)),
                    wish="",
                    owner=None,
                    lease=None,
                    ended=cast(case((changed, null()), else_=literal(ended, Float)), Float),
                    last_words=last_words,
                    starts=Job.starts if died else 0,
                )
            )
            session.commit()

    def put_back(self, number: int, owner: str) -> None:
        """Release a claimed job that cannot start now."""
        with self._session() as session:
            session.execute(
                update(Job)
                .where(Job.id == number, Job.owner == owner, Job.state == "running")
                .values(state="queued", owner=None, lease=None)
            )
            session.commit()

    def recover(self) -> list[int]:
        """Queue the jobs of dead services again; return their numbers."""
        found = []
        with self._session() as session:
            dead = select(Job).where(Job.state == "running", not_(held_at(self.clock())))
            for job in session.scalars(dead):
                job.state = AFTER.get(job.wish, "queued")
                job.wish, job.owner, job.lease = "", None, None
                job.starts = max(0, job.starts - 1)  # the service died, not the job's process
                found.append(job.id)
            session.commit()
        return found

    def _in_turn(self, session: Session) -> list[Job]:
        waiting = session.scalars(select(Job).where(Job.state == "queued")).all()
        if len(waiting) < 2:
            return list(waiting)
        running = session.scalars(select(Job).where(Job.state == "running")).all()
        seconds = func.sum((Job.ended - Job.started) * func.coalesce(Job.slots, 1))
        recent = (
            select(Job.who, seconds)
            .where(Job.ended > self.clock() - SECONDS_OF_USE, Job.started.is_not(None))
            .group_by(Job.who)
        )
        used = {who: float(found or 0) for who, found in session.execute(recent)}
        return in_turn(waiting, running, used)

    def _take(self, session: Session, job: Job, owner: str, slots: int) -> Job | None:
        now, number = self.clock(), job.id
        taken = session.connection().execute(
            update(Job)
            .where(Job.id == number, Job.state == "queued")
            .values(
                state="running", wish="", owner=owner, lease=now + LEASE, started=now, slots=slots
            )
        )
        session.commit()
        session.expire_all()
        return session.get(Job, number) if taken.rowcount else None

    def _session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)


def held_at(now: float) -> ColumnElement[bool]:
    """Return a query condition: whether running jobs are held at a time, in seconds since 1970.

    The clocks of services on one database may differ by up to a lease.
    """
    return Job.lease.between(now, now + 2 * LEASE)


def _slots(job: Job, slots: int, free: int, waiting: Sequence[Job], ours: Sequence[Job]) -> int:
    """Return how many workers a job gets if it starts now."""
    if job.kind in CHORES:
        return 0
    if job.kind == "retrain":
        return 1
    jobs = sum(one.kind not in CHORES for one in (*waiting, *ours))
    return min(free, share(slots, jobs))
