"""The trials that are under way: those that run in virtual time, and those asked for ahead of it.

A worker whose trial is ahead of the others in virtual time would have to wait for them. So that it
does not, some more trials than there are workers are asked for, and a free worker trains one of
them. In virtual time such a trial begins when one that runs has ended, so what is decided does not
depend on when a worker was free. The price: when it is asked for, the sampler knows the results of
fewer trials.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.search.running import RunningTrial

SHARE_AHEAD = 0.18  # by simulation (studies/scale): with more, more is trained for nothing


def most_ahead(slots: int) -> int:
    """Return how many trials more than there are workers are asked for."""
    return math.ceil((slots - 1) * SHARE_AHEAD)


class Lineup:
    """The trials under way.

    Args:
        slots: trials that run at once.
        ahead: trials that may be asked for besides.
    """

    def __init__(self, slots: int, ahead: int) -> None:
        self.slots, self.most = slots, slots + ahead
        self.running: dict[int, RunningTrial] = {}
        self._ahead: deque[RunningTrial] = deque()

    def __len__(self) -> int:
        return len(self.running) + len(self._ahead)

    def __iter__(self) -> Iterator[RunningTrial]:
        yield from self.running.values()
        yield from self._ahead

    @property
    def is_full(self) -> bool:
        """Whether no more trials are to be asked for now."""
        return len(self) == self.most

    def add(self, trial: RunningTrial) -> None:
        """Take up a trial that was asked for."""
        self._ahead.append(trial)

    def begin(self, now: float) -> None:
        """Let trials begin in virtual time, in the order in which they were asked for.

        Args:
            now: the virtual time. An interrupted trial begins when it had begun.
        """
        while self._ahead and len(self.running) < self.slots:
            trial = self._ahead.popleft()
            trial.begin(trial.trial.user_attrs.get("begun", now))
            self.running[trial.number] = trial

    def furthest_behind(self) -> RunningTrial:
        """Return the running trial whose next point comes first; of equal ones, the first asked."""
        return min(self.running.values(), key=lambda trial: (trial.clock, trial.number))

    def remove(self, trial: RunningTrial) -> None:
        """Take out a running trial that has ended."""
        del self.running[trial.number]

    def clear(self) -> None:
        """Take out all."""
        self.running.clear()
        self._ahead.clear()
