"""The newest search of each study, cached; only those that may have changed are read again."""

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
OTHER_CLOCKS = 300.0  # seconds by which another service's clock may be wrong


class Search(NamedTuple):
    """A summary of a search.

    Attributes:
        total: number of finished trials it ends with; None for as many as are worth it.
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
    """The searches of a queue, by their study.

    A finished job does not change unless it is resumed: then it is unfinished, or has a later end.
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
        if settled:  # jobs of a deleted study count as done
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
        """Return summaries of the searches that may have changed, the oldest first.

        Args:
            after: number of a job: those with a higher one are returned,
            since: seconds since 1970: and those that have ended later, or are not done.
            only: numbers of jobs, to return exactly these.
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
