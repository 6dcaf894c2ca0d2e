"""Turns the points of a training into the scores that a trial reports and is ranked by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import takewhile
from statistics import fmean
from typing import TYPE_CHECKING

from tuner.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tuner.case.contract import Case
    from tuner.training.fitting import ReportPoint

STAGES = 20
WINDOW = 0.1  # a score is the mean over this share of the training


def stage(epoch: float, epochs: int) -> int:
    """Return how many twentieths of a training of `epochs` are done after `epoch` epochs.

    Trials report and are pruned by stage. So a training of 100 epochs, whose learning rate falls at
    its end, is compared half-way with a training of 10 epochs half-way, and not after the same 5
    epochs, when its learning rate is still rising. A long trial writes no more to the database than
    a short one.
    """
    return math.floor(STAGES * epoch / epochs + 1e-9)  # a third of an epoch is inexact


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a trial after `epoch` epochs: the metric on each fold."""

    epoch: int
    folds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over folds."""
        return fmean(self.folds)


def counts(epoch: float, now: float, epochs: float) -> bool:
    """Whether a validation counts for the score of a training at epoch `now`.

    The score is the mean over the tenth of the training that ends at `now`. The best of many single
    points would be the luckiest one, and would favour unstable trainings.

    Args:
        epoch: when the validation was made.
        epochs: of the whole training.
    """
    return now - WINDOW * epochs + 1e-9 < epoch <= now


def fold_scores(points: Sequence[ReportPoint], epochs: int) -> tuple[float, ...]:
    """Return the score of a training of `epochs` at the last of these points, on each fold."""
    return _means(points, epochs, lambda point: point.fold_scores)


def fold_surrogates(points: Sequence[ReportPoint], epochs: int) -> tuple[float, ...]:
    """Return the same for the metric's surrogate; empty if the metric has none."""
    return _means(points, epochs, lambda point: point.fold_surrogates)


def _means(
    points: Sequence[ReportPoint],
    epochs: int,
    told: Callable[[ReportPoint], Sequence[float]],
) -> tuple[float, ...]:
    if not points:
        return ()
    now = points[-1].epoch
    last_tenth = takewhile(lambda point: counts(point.epoch, now, epochs), reversed(points))
    return tuple(map(fmean, zip(*map(told, last_tenth), strict=True)))


@dataclass(slots=True)
class History:
    """A training in progress: its points so far, and its score.

    Attributes:
        case: decides which score is better.
        epochs: the most that the training may take.
        stages: the score at each stage reached so far, as reported to Optuna.
    """

    case: Case
    epochs: int
    points: list[ReportPoint] = field(init=False, default_factory=list)
    stages: dict[int, float] = field(init=False, default_factory=dict)

    def take(self, point: ReportPoint) -> int | None:
        """Add a point; return the stage that it is the first to reach with a score, or None."""
        self.points.append(point)
        reached, score = stage(point.epoch, self.epochs), self.score
        if score is None or reached == max(self.stages, default=0):
            return None
        self.stages[reached] = score
        return reached

    @property
    def score(self) -> float | None:
        """The current score; None if nothing is validated, or not yet."""
        folds = fold_scores(self.points, self.epochs)
        return fmean(folds) if folds else None

    @property
    def progress(self) -> str:
        """How far it has come, in words."""
        return f"epoch {self.points[-1].epoch:.1f}" if self.points else "starting"

    def best(self) -> Score:
        """Return the best score at the end of an epoch; of equals, the latest.

        Raises:
            CaseError: there is none, because nothing was validated.
        """
        best: Score | None = None
        for count, point in enumerate(self.points, start=1):
            if point.ends_epoch and (folds := fold_scores(self.points[:count], self.epochs)):
                score = Score(int(point.epoch), folds)
                if best is None or not self.case.metric.better(best.mean, score.mean):
                    best = score
        if best is None:
            raise CaseError(f"case {self.case.name!r}: a fit ended without a validation score")
        return best

    def curve(self) -> list[tuple[int, float, float, float, float | None]]:
        """Return all points as (step, epoch, training loss, training metric, validation metric)."""
        return [(p.step, p.epoch, p.train_loss, p.train_metric, p.validation) for p in self.points]
