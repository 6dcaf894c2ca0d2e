"""The newest search of each study, kept in memory; only what may have changed is read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.serve.queue import Queue, Search

OTHER_CLOCKS = 300.0  # seconds by which the clock of another service may be wrong


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
        found = self.queue.searches(after=self._last, since=self._looked - OTHER_CLOCKS)
        seen = {one.id for one in found}
        settled = [
            one.id for one in self._known.values() if one.state != "done" and one.id not in seen
        ]
        if settled:  # their study was deleted, so they count as done
            found = [*found, *self.queue.searches(only=settled)]
        for one in found:
            known = self._known.get(one.study)
            if known is None or known.id <= one.id:
                self._known[one.study] = one
        self._last = max((self._last, *seen))
        self._looked = now
        return self._known
