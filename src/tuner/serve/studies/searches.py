"""The newest search of each study, kept in memory; only what may have changed is read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tuner.serve.tables import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.serve.jobs.queue import Queue

MOST_NAMED = 500  # in one query
OTHER_CLOCKS = 300.0  # seconds by which the clock of another service may be wrong


class Search(NamedTuple):
    """A search, in brief.

    Attributes:
        total: finished trials it ends with; None: as many as are worth it.
    """

    id: int
    study: str
    case: str
    state: str
    who: str
    submitted: float
    total: int | None


@dataclass(slots=True)
class Searches:
    """Searches of a queue, by their study.

    A job that is done stays so unless it is resumed: then it is not done, or has ended later.
    """

    queue: Queue
    _known: dict[str, Search] = field(default_factory=dict)
    _last: int = 0
    _looked: float = 0.0

    def by_study(self) -> dict[str, Search]:
        """Return the newest search of each study."""
        now = self.queue.clock()
        found = self._read(after=self._last, since=self._looked - OTHER_CLOCKS)
        seen = {one.id for one in found}
        settled = [
            one.id for one in self._known.values() if one.state != "done" and one.id not in seen
        ]
        if settled:  # their study was deleted, so they count as done
            found = [*found, *self._read(only=settled)]
        for one in found:
            known = self._known.get(one.study)
            if known is None or known.id <= one.id:
                self._known[one.study] = one
        self._last = max((self._last, *seen))
        self._looked = now
        return self._known

    def _read(
        self, after: int = 0, since: float = 0.0, only: Sequence[int] | None = None
    ) -> list[Search]:
        """Return searches in brief, the oldest first: those that may have changed.

        Args:
            after: number of a job: those with a higher one,
            since: seconds since 1970: or that have ended later, or are not done.
            only: numbers of jobs: these, and no others.
        """
        columns = (Job.id, Job.study, Job.case, Job.state, Job.who, Job.submitted)
        query = select(*columns, Job.options["trials"].as_integer())
        if only is None:
            changed = or_(Job.id > after, Job.state != "done", Job.ended > since)
            queries = [query.where(Job.kind == "study", changed)]
        else:
            parts = (only[at : at + MOST_NAMED] for at in range(0, len(only), MOST_NAMED))
            queries = [query.where(Job.id.in_(part)) for part in parts]
        with Session(self.queue.engine) as session:
            rows = [row for one in queries for row in session.execute(one.order_by(Job.id))]
            return [Search(*row) for row in rows]
