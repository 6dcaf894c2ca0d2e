"""A trial of a case while it is trained: its reports to Optuna, and when to ask the pruner."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tuner.study.schema import BEGUN

if TYPE_CHECKING:
    from optuna import Trial

    from tuner.search.scoring import History
    from tuner.training.fitting import ReportPoint


@dataclass(slots=True)
class RunningTrial:
    """A trial being trained.

    Attributes:
        trial: the trial as Optuna's `study.ask` gave it.
        history: its reports so far.
        prunable: false for baseline and recipe, which a report needs, and for guesses.
        begun: the virtual time at which it began.
        clock: virtual time of its last point: the time at which it began plus the work done since.
        started: time.perf_counter() when it began.
    """

    trial: Trial
    history: History
    prunable: bool
    begun: float = field(init=False, default=0.0)
    clock: float = field(init=False, default=0.0)
    started: float = field(init=False, default=0.0)
    replayed: set[int] = field(init=False)

    def __post_init__(self) -> None:
        """Read the stages that an interrupted run of this trial had reported."""
        stored = self.trial.study.get_trials(deepcopy=False)[self.trial.number]
        self.replayed = set(stored.intermediate_values)

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.trial.number

    def begin(self, now: float) -> None:
        """Begin at a virtual time."""
        self.begun = self.clock = now
        self.started = time.perf_counter()
        self.trial.set_user_attr(BEGUN, now)

    def report(self, point: ReportPoint) -> bool:
        """Report a point to Optuna; return whether to ask the pruner about it."""
        reached = self.history.take(point)
        self.clock = self.begun + point.work
        if reached is None:
            return False
        if not self.replaying:
            self.trial.report(self.history.stages[reached], reached)
        return True

    @property
    def replaying(self) -> bool:
        """Whether an interrupted run had already reported the current stage."""
        return max(self.history.stages) in self.replayed

    def should_prune(self) -> bool:
        """Ask the pruner about the point reported last."""
        return self.prunable and self.trial.should_prune()
