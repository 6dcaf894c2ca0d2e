"""The trials under way: those that run in virtual time, and those asked for ahead of it.

Without the latter, a worker whose trial is ahead of the others in virtual time would have to wait
for them. So the search asks for some more trials than there are workers, and a free worker trains
one of them. In virtual time such a trial begins when a running one has ended, so decisions do not
depend on when a worker became free. The price: when such a trial is asked for, the sampler knows
the results of fewer trials.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tuner.study.schema import BEGUN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna import Trial

SHARE_AHEAD = 0.18  # chosen by simulation (studies/scale): with more, more training is wasted


class Reports(Protocol):
    """The reports of a training so far."""

    @property
    def stages(self) -> dict[int, float]:
        """Scores by stage or step."""

    @property
    def score(self) -> float | None:
        """The current score."""

    @property
    def progress(self) -> str:
        """How far it has come, in words."""

    def curve(self) -> Sequence[Sequence[Any]]:
        """All reports, as they are stored."""


class Running(Protocol):
    """A trial that is being trained.

    Attributes:
        trial: the trial as Optuna's `study.ask` gave it.
        begun: the virtual time at which it began.
        clock: virtual time of its last point: the time at which it began plus the work done since.
        started: time.perf_counter() when it began.
    """

    trial: Trial
    begun: float
    clock: float
    started: float

    @property
    def number(self) -> int:
        """The trial's number."""

    @property
    def history(self) -> Reports:
        """The reports so far."""

    def begin(self, now: float) -> None:
        """Begin at a virtual time."""


R = TypeVar("R", bound=Running)


def most_ahead(slots: int) -> int:
    """Return how many trials to ask for beyond the number of workers."""
    return math.ceil((slots - 1) * SHARE_AHEAD)


class Lineup(Generic[R]):
    """The trials under way.

    Args:
        slots: trials that run at once.
        ahead: additional trials that may be asked for.
    """

    def __init__(self, slots: int, ahead: int) -> None:
        self.slots, self.most = slots, slots + ahead
        self.running: dict[int, R] = {}
        self._ahead: deque[R] = deque()

    def __len__(self) -> int:
        return len(self.running) + len(self._ahead)

    def __iter__(self) -> Iterator[R]:
        yield from self.running.values()
        yield from self._ahead

    @property
    def is_full(self) -> bool:
        """Whether to ask for no more trials for now."""
        return len(self) == self.most

    def add(self, trial: R) -> None:
        """Add a trial that was asked for."""
        self._ahead.append(trial)

    def begin(self, now: float) -> None:
        """Begin trials in virtual time, in the order in which they were asked for.

        Args:
            now: the virtual time. An interrupted trial begins at the time it began before.
        """
        while self._ahead and len(self.running) < self.slots:
            trial = self._ahead.popleft()
            trial.begin(trial.trial.user_attrs.get(BEGUN, now))
            self.running[trial.number] = trial

    def furthest_behind(self) -> R:
        """Return the running trial with the least virtual time; of equals, the first asked for."""
        return min(self.running.values(), key=lambda trial: (trial.clock, trial.number))

    def remove(self, trial: R) -> None:
        """Remove a running trial that has ended."""
        del self.running[trial.number]

    def clear(self) -> None:
        """Remove all trials."""
        self.running.clear()
        self._ahead.clear()
