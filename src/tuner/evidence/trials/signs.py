"""The signs of a training: its learning curve in a few numbers.

Every error is a share of the error of a trivial predictor (the most frequent class, or the median),
so that the same thresholds fit every task: 1 has learnt nothing, 0 is perfect.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tuner.case.metric import metric_of
from tuner.search.scoring import counts
from tuner.study.design import folds_trained, rows_validated
from tuner.study.schema import ARM, CURVE, DIVERGED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from tuner.case.metric import Metric

LATE = 0.25  # of the training, over which the slope is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The learning curve of a trial, for the diagnosis.

    Attributes:
        points: (epoch, training loss, training metric, validation metric), in order.
        metric: of the last two.
        validation_rows: of all trained folds together.
        trivial: the metric of a trivial predictor on the development data.
        trivial_loss: its training loss; above it, training makes the model worse.
        diverged: whether the training ended because a loss or a score was not finite.
    """

    points: Sequence[tuple[float, float, float, float]]
    metric: Metric
    validation_rows: int
    trivial: float
    trivial_loss: float
    diverged: bool = False

    @property
    def unit(self) -> float:
        """The loss of the trivial predictor, of which other losses are shares."""
        return self.metric.loss(self.trivial)


def curve_of(
    trial: FrozenTrial, facts: Mapping[str, Any], *, of_score: bool = False
) -> Curve | None:
    """Return a stored trial's curve; None if it, or the trivial predictor's error, is unusable.

    Args:
        facts: the settings that the study was made with.
        of_score: whether to count only the rows of its score: baseline and recipe train more folds.
    """
    metric = metric_of(facts)
    trivial = (facts.get("trivial") or {}).get("metric")
    if trivial is None or metric.perfect is None or not metric.loss(trivial) > 0:
        return None
    points = [
        (epoch, loss, training, validation)
        for _, epoch, loss, training, validation in trial.user_attrs.get(CURVE, [])
        if validation is not None
    ]
    diverged = trial.user_attrs.get(DIVERGED, False)
    if not points and not diverged:
        return None
    folds = folds_trained(facts, arm=ARM in trial.user_attrs and not of_score)
    return Curve(
        points=points,
        metric=metric,
        validation_rows=rows_validated(facts, folds),
        trivial=trivial,
        trivial_loss=facts["trivial"]["loss"],
        diverged=diverged,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """The numbers behind a label, as shares of the trivial predictor's error.

    Attributes:
        training: error on the training rows at the end, with augmentation and dropout.
        validation: error on the validation rows at the end.
        gap: validation minus training.
        growth: of the validation error, since the best mean over a tenth of the training.
        slope: fall of the validation error over the last quarter, relative to its value before.
        training_slope: the same for the training error.
        late: share of the whole fall of the training loss that happened in the last quarter.
        rising: share of the steps between points at which the training loss rose.
        rise: mean rise per step in the second half, relative to the trivial loss.
        peak: highest training loss, relative to the trivial loss.
        standard_error: of the validation error.
        reference: lowest validation error of any known trial; None if no other is known.
    """

    training: float
    validation: float
    gap: float
    growth: float
    slope: float
    training_slope: float
    late: float
    rising: float
    rise: float
    peak: float
    standard_error: float
    reference: float | None


def read_signs(curve: Curve, reference: float | None = None) -> Signs:
    """Compute the signs of a curve that has points."""
    loss, unit = curve.metric.loss, curve.unit
    epochs, losses, *scores = zip(*curve.points, strict=True)
    training, validation = (
        _smooth(epochs, [loss(value) / unit for value in values]) for values in scores
    )
    before = max(i for i, epoch in enumerate(epochs) if i == 0 or epoch <= (1 - LATE) * epochs[-1])
    steps = [after - one for one, after in pairwise(losses)]
    late = steps[len(steps) // 2 :]
    raw = validation[-1] * unit
    return Signs(
        training=training[-1],
        validation=validation[-1],
        gap=validation[-1] - training[-1],
        growth=validation[-1] - min(validation),
        slope=_fall(validation[before], validation[-1]),
        training_slope=_fall(training[before], training[-1]),
        late=_fall(losses[before], losses[-1], of=losses[0] - losses[-1]),
        rising=fmean(step > 0 for step in steps) if steps else 0.0,
        rise=fmean(max(step, 0.0) for step in late) / curve.trivial_loss if late else 0.0,
        peak=max(losses) / curve.trivial_loss,
        standard_error=curve.metric.standard_error(raw, curve.validation_rows) / unit,
        reference=None if reference is None else loss(reference) / unit,
    )


def _smooth(epochs: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the score at each point, as in the search: the mean over the tenth that ends there."""
    return [
        fmean(v for e, v in zip(epochs, values, strict=True) if counts(e, now, epochs[-1]))
        for now in epochs
    ]


def _fall(before: float, now: float, of: float | None = None) -> float:
    """Return the fall from `before` to `now`, as a share of `before` or of another fall."""
    whole = before if of is None else of
    return (before - now) / whole if whole > 0 else 0.0
