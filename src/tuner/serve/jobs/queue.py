"""The queue of a service: submits and lists jobs, and records people's requests for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import func, select

from tuner.serve.jobs.holding import job_in, job_to_queue, lock_queueing, locked_job, open_job
from tuner.serve.jobs.leases import AFTER, ENDED, Leases
from tuner.serve.jobs.turns import CHORES
from tuner.serve.orders.refusals import SUBMITTED, refuse_another, refuse_unless, taken
from tuner.serve.tables import HAS_ITS_STUDY, Job, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from tuner.serve.orders.requests import Request
    from tuner.serve.tables import Wish

Options: TypeAlias = Mapping[str, Any]
MOST_STARTS = 3  # after which a job whose process dies each time is given up
SHOWN_CHORES = 10


class Queue(Leases):
    """Jobs in the database."""

    __slots__ = ()

    def submit(
        self,
        request: Request,
        who: str,
        key: str | None = None,
        priority: int = 0,
        *,
        instead_of: int | None = None,
    ) -> Job:
        """Queue a job; two submissions with the same key are the same job.

        Args:
            priority: jobs with a higher one start first.
            instead_of: number of a job to cancel at the same time, unless it has ended.

        Raises:
            UsageError: another job has that study, or the key belongs to another request.
        """
        with self._session() as session:
            lock_queueing(session)
            if key is not None and (known := session.scalar(select(Job).where(Job.key == key))):
                refuse_another(known, request)
                return known
            if (other := open_job(session, request.study)) is not None:
                raise taken(other, request.kind)
            if instead_of is not None:
                earlier = locked_job(session, instead_of)
                if earlier.state not in ENDED:
                    self._ask(earlier, "cancel")
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
                priority=priority,
            )
            session.add(job)
            return _saved(session, job)

    def all(self) -> Sequence[Job]:
        """Return all jobs, newest first."""
        with self._session() as session:
            return session.scalars(select(Job).order_by(Job.id.desc())).all()

    def get(self, number: int) -> Job:
        """Return a job.

        Raises:
            UsageError: there is no job with that number.
        """
        with self._session() as session:
            return job_in(session, number)

    def at_hand(self, name: str) -> Job | None:
        """Return the queued, running or paused job of a study, else the result of `of_study`."""
        with self._session() as session:
            found = session.scalar(
                select(Job).where(
                    Job.study == name, Job.state.not_in(ENDED), Job.kind.not_in(CHORES)
                )
            )
        return found or self.of_study(name)

    def of_study(self, name: str, kind: Kind = "study") -> Job | None:
        """Return a study's newest job of a kind: of its search, if nothing else is asked for.

        None if the service has never run one. A job of a deleted study of that name does not count.
        """
        with self._session() as session:
            return session.scalar(
                select(Job)
                .where(Job.study == name, Job.kind == kind, HAS_ITS_STUDY)
                .order_by(Job.id.desc())
                .limit(1)
            )

    def studies_of(self, case: str) -> set[str]:
        """Return the studies of a case, named as it was submitted: a door with its data."""
        with self._session() as session:
            wanted = select(Job.study).where(Job.case == case, Job.kind == "study", HAS_ITS_STUDY)
            return set(session.scalars(wanted))

    def newest(self, limit: int, before: int | None = None) -> Sequence[Job]:
        """Return up to `limit` jobs, the newest first.

        Args:
            before: number of a job; only jobs with a lower one are returned.
        """
        query = select(Job).order_by(Job.id.desc()).limit(limit)
        with self._session() as session:
            return session.scalars(query if before is None else query.where(Job.id < before)).all()

    def states(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        with self._session() as session:
            found = session.execute(select(Job.state, func.count()).group_by(Job.state))
            return dict(found.all())

    def retrainings(self) -> Sequence[Job]:
        """Return retrainings without a model, failed or unfinished ones, the newest first."""
        query = select(Job).where(Job.kind == "retrain", Job.state.not_in(("done", "cancelled")))
        with self._session() as session:
            return session.scalars(query.order_by(Job.id.desc())).all()

    def pause(self, number: int) -> Job:
        """Stop a job, keeping finished work, until it is resumed."""
        return self._wish(number, "pause", {"queued", "running"})

    def cancel(self, number: int) -> Job:
        """Stop a job for good, keeping finished work."""
        return self._wish(number, "cancel", {"queued", "running", "paused"})

    def resume(self, number: int) -> Job:
        """Queue a job again that was paused or has ended.

        Raises:
            UsageError: it is already queued or running, or another job has its study.
        """
        with self._session() as session:
            job = job_to_queue(session, number)
            refuse_unless(job, {"paused", *ENDED}, "resumed")
            return self._queued(session, job)

    def change(self, number: int, change: Callable[[Options], Options]) -> Job:
        """Change the options of a job's command, and make it continue with them.

        A running process is asked to stop and is started again; finished work is kept.

        Args:
            change: is called with the current options, while nobody else can change them, and
                returns the options to change.

        Raises:
            UsageError: another job has its study.
        """
        with self._session() as session:
            job = job_to_queue(session, number)
            _change(job, change(job.options))
            if job.state == "running":
                job.wish = job.wish or "restart"  # pause and cancel take precedence
                return _saved(session, job)
            return self._queued(session, job) if job.state != "paused" else _saved(session, job)

    def prioritise(self, number: int, priority: int) -> Job:
        """Set the priority of a job: it starts before jobs with a lower one.

        Raises:
            UsageError: it has ended.
        """
        with self._session() as session:
            job = locked_job(session, number)
            refuse_unless(job, {"queued", "running", "paused"}, "given another priority")
            job.priority = priority
            return _saved(session, job)

    def knows(self, key: str) -> bool:
        """Whether a job with this key was submitted."""
        with self._session() as session:
            return session.scalar(select(Job.id).where(Job.key == key)) is not None

    def at_work(self) -> Sequence[Job]:
        """Return the jobs that are running now, in any service."""
        with self._session() as session:
            return session.scalars(select(Job).where(Job.state == "running").order_by(Job.id)).all()

    def waiting(self) -> list[Job]:
        """Return the queued jobs in the order in which they start."""
        with self._session() as session:
            return self._in_turn(session)

    def chores(self) -> Sequence[Job]:
        """Return the newest deletions and clean-ups."""
        chores = select(Job).where(Job.kind.in_(CHORES)).order_by(Job.id.desc())
        with self._session() as session:
            return session.scalars(chores.limit(SHOWN_CHORES)).all()

    def _wish(self, number: int, wish: Wish, allowed: set[str]) -> Job:
        with self._session() as session:
            job = locked_job(session, number)
            refuse_unless(job, allowed, {"pause": "paused", "cancel": "cancelled"}[wish])
            self._ask(job, wish)
            return _saved(session, job)

    def _ask(self, job: Job, wish: Wish) -> None:
        """Apply a person's request to a job: at once, or as soon as its process has stopped."""
        if job.state == "running":
            job.wish = wish
        else:
            job.state = AFTER[wish]
            job.ended = self.clock() if job.state in ENDED else None

    def _queued(self, session: Session, job: Job) -> Job:
        job.state, job.wish, job.starts, job.ended = "queued", "", 0, None
        return _saved(session, job)


def _change(job: Job, changes: Options) -> None:
    """Change options of a job; the submitted ones, for which a key stands, are kept too."""
    submitted = job.options.get(SUBMITTED, {})
    if job.key is not None:
        submitted = {name: job.options[name] for name in changes} | submitted
    kept = {SUBMITTED: submitted} if submitted else {}
    job.options = {**job.options, **changes, **kept}


def _saved(session: Session, job: Job) -> Job:
    session.commit()
    return job
