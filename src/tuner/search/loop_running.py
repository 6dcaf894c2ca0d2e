"""A trial of a loop while it runs, and its reports so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.search.loop_answers import Answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.samplers import BaseSampler

    from tuner.own.loops.events import Reported

TRAIN = "train"  # beside the score: that on training rows


@dataclass(slots=True)
class LoopHistory:
    """The reports of a loop so far.

    Attributes:
        stages: scores by step.
        points: all reports, in order.
    """

    points: list[Reported] = field(default_factory=list)
    stages: dict[int, float] = field(default_factory=dict)

    def take(self, report: Reported) -> None:
        """Add a report."""
        self.points.append(report)
        self.stages[report.step] = report.value

    @property
    def score(self) -> float | None:
        """The score reported last."""
        return self.points[-1].value if self.points else None

    @property
    def progress(self) -> str:
        """How far it has come, in words."""
        return f"step {self.points[-1].step}" if self.points else "starting"

    @property
    def others(self) -> Mapping[str, float]:
        """The values last reported besides the score; the one on training rows is in the curve."""
        last = self.points[-1].further if self.points else {}
        return {name: value for name, value in last.items() if name != TRAIN}

    def curve(self) -> list[tuple[int, float, float | None, float | None, float]]:
        """Return all reports as (count, step, nothing, training score, validation score)."""
        return [
            (count, float(one.step), None, one.further.get(TRAIN), one.value)
            for count, one in enumerate(self.points, start=1)
        ]


@dataclass(slots=True)
class RunningLoop:
    """A trial of a loop while it runs.

    Attributes:
        sampler: draws the values it asks for.
        prunable: false for baseline and recipe, which a report needs, and for guesses.
        named: values that a person has set for it.
        answers: the answers it got when it asked whether to end.
        undecided: whether the pruner has yet to be asked about its last report.
        begun, clock, started: as in `RunningTrial`; work is counted in reports.
    """

    trial: optuna.Trial
    sampler: BaseSampler
    prunable: bool
    replayed: frozenset[int]
    named: Mapping[str, Any] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    history: LoopHistory = field(default_factory=LoopHistory)
    undecided: bool = False
    begun: float = 0.0
    clock: float = 0.0
    started: float = 0.0

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.trial.number

    def begin(self, now: float) -> None:
        """Begin at a virtual time."""
        self.begun = self.clock = now
        self.started = time.perf_counter()
        self.trial.set_user_attr("begun", now)
