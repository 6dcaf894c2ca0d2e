"""Between an Optuna trial and the trainer: the only place that reports, prunes and scores."""

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
WINDOW = 0.1  # share of a training that its score is the mean of


def stage(epoch: float, epochs: int) -> int:
    """Return how many twentieths of a training of `epochs` are done after `epoch` of them.

    Trials report and are pruned by stage: a training of 100 epochs under a schedule that falls at
    its end is compared half-way with one of 10 epochs half-way, not after the same 5 epochs, where
    its learning rate is still rising. A long trial costs the database no more than a short one.
    """
    return math.floor(STAGES * epoch / epochs + 1e-9)  # a third of an epoch is not exact


@dataclass(frozen=True, slots=True)
class Score:
    """What a trial is worth after `epoch` epochs: the metric on each fold, and its mean."""

    epoch: int
    folds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over folds."""
        return fmean(self.folds)


def counts(epoch: float, now: float, epochs: float) -> bool:
    """Whether a validation counts for what a training is worth at epoch `now`.

    That is the mean over the tenth of the training that ends there. The best of many single points
    would be the luckiest one, and favour trainings that jump about.

    Args:
        epoch: of the validation.
        epochs: of the whole training.
    """
    return now - WINDOW * epochs + 1e-9 < epoch <= now


def fold_scores(points: Sequence[ReportPoint], epochs: int) -> tuple[float, ...]:
    """Return what a training of `epochs` is worth at the last of these points, on each fold."""
    return _means(points, epochs, lambda point: point.fold_scores)


def fold_surrogates(points: Sequence[ReportPoint], epochs: int) -> tuple[float, ...]:
    """Return the same by the metric's surrogate; empty where it has none."""
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
    """A training as it goes: its points so far, and what they are worth.

    Attributes:
        case: decides which score is better.
        epochs: that the training may take.
        stages: the score at each stage reached so far, as it is reported.
    """

    case: Case
    epochs: int
    points: list[ReportPoint] = field(init=False, default_factory=list)
    stages: dict[int, float] = field(init=False, default_factory=dict)

    def take(self, point: ReportPoint) -> int | None:
        """Take a point; return the stage that it is the first to reach with a score, if any."""
        self.points.append(point)
        reached, score = stage(point.epoch, self.epochs), self.score
        if score is None or reached == max(self.stages, default=0):
            return None
        self.stages[reached] = score
        return reached

    @property
    def score(self) -> float | None:
        """The present score; None where nothing is validated, or not yet."""
        folds = fold_scores(self.points, self.epochs)
        return fmean(folds) if folds else None

    @property
    def progress(self) -> str:
        """How far it has come, in words."""
        return f"epoch {self.points[-1].epoch:.1f}" if self.points else "starting"

    def best(self) -> Score:
        """Return the best score at the end of an epoch; of equal ones, the latest.

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
