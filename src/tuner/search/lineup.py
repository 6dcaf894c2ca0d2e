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
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tuner.study.schema import BEGUN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna import Trial

SHARE_AHEAD = 0.18  # by simulation (studies/scale): with more, more is trained for nothing


class Reports(Protocol):
    """What a training has reported so far."""

    @property
    def stages(self) -> dict[int, float]:
        """Scores by stage or step."""

    @property
    def score(self) -> float | None:
        """The present score."""

    @property
    def progress(self) -> str:
        """How far it has come, in words."""

    def curve(self) -> Sequence[Sequence[Any]]:
        """All that was reported, as it is stored."""


class Running(Protocol):
    """A trial while it is trained.

    Attributes:
        trial: the trial as Optuna's `study.ask` gave it.
        begun: the virtual time at which it began.
        clock: virtual time: when it began, and the work done since, up to its last point.
        started: the time.perf_counter() at which it began.
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
        """What has come back so far."""

    def begin(self, now: float) -> None:
        """Begin at this virtual time."""


R = TypeVar("R", bound=Running)


def most_ahead(slots: int) -> int:
    """Return how many trials more than there are workers are asked for."""
    return math.ceil((slots - 1) * SHARE_AHEAD)


class Lineup(Generic[R]):
    """The trials under way.

    Args:
        slots: trials that run at once.
        ahead: trials that may be asked for besides.
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
        """Whether no more trials are to be asked for now."""
        return len(self) == self.most

    def add(self, trial: R) -> None:
        """Take up a trial that was asked for."""
        self._ahead.append(trial)

    def begin(self, now: float) -> None:
        """Let trials begin in virtual time, in the order in which they were asked for.

        Args:
            now: the virtual time. An interrupted trial begins when it had begun.
        """
        while self._ahead and len(self.running) < self.slots:
            trial = self._ahead.popleft()
            trial.begin(trial.trial.user_attrs.get(BEGUN, now))
            self.running[trial.number] = trial

    def furthest_behind(self) -> R:
        """Return the running trial whose next point comes first; of equal ones, the first asked."""
        return min(self.running.values(), key=lambda trial: (trial.clock, trial.number))

    def remove(self, trial: R) -> None:
        """Take out a running trial that has ended."""
        del self.running[trial.number]

    def clear(self) -> None:
        """Take out all."""
        self.running.clear()
        self._ahead.clear()
