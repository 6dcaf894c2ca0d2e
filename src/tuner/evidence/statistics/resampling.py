"""Estimates a gain by resampling rows, for a metric that has no loss for each row.

Rows are drawn with replacement, and the metric of every model is computed again on each draw. The
variation that all models of an arm share over the draws is the component of the rows; the variation
of single models is the interaction. From there on, everything is as in `crossed`. Variances over
draws are multiplied by n / (n - 1), because resamples of few rows vary too little, and by more if n
groups are uneven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tuner.case.metric import sign_of
from tuner.evidence.statistics.crossed import Moments, judge
from tuner.evidence.statistics.gain import unproven
from tuner.evidence.statistics.grouped import count, evenness, widening
from tuner.evidence.statistics.looks import WHOLE, Share
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tuner.evidence.statistics.comparison import Direction
    from tuner.evidence.statistics.components import Array
    from tuner.evidence.statistics.gain import Gain
    from tuner.evidence.statistics.grouped import Groups
    from tuner.evidence.statistics.scores import Score

RESAMPLES = 2_000
DEFINED = 0.5  # share of the draws on which a score must be defined
AT_ONCE = 2_000_000  # weights in memory at a time


def compare_scores(
    score: Score,
    baseline: NDArray[np.generic],
    other: NDArray[np.generic],
    targets: Array,
    *,
    direction: Direction = "maximize",
    unit: float = 1.0,
    share: Share = WHOLE,
    exact: bool = True,
    groups: Groups | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Gain:
    """Compare two arms by a metric that has no value per row, such as macro F1 or AUC.

    Args:
        score: the metric.
        baseline: predictions (seeds, rows, ...).
        other: predictions (seeds, rows, ...) for the same rows.
        targets: (rows,).
        direction: of the metric.
        unit: how much the metric changes when one row of N is predicted differently, times N. About
            one for a metric between 0 and 1; see `scores.unit_of_macro_f1`.
        share: of the 5 % that this look may use.
        exact: as in `crossed.compare_rows`; so is `groups`, which are drawn as wholes.
        seed: of the study.
        resamples: number of draws.

    Raises:
        ValueError: arms and targets have different rows, or a score is not a finite number.
    """
    _check_shapes(baseline, other, targets)
    rows, seeds = len(targets), (len(baseline), len(other))
    whole = np.ones((1, rows))
    gain = _gain(score, baseline, other, targets, whole, direction)
    if not np.isfinite(gain):
        raise ValueError("a score is not a finite number, so no gain can be computed")
    found = moments_of_scores(
        score,
        baseline,
        other,
        targets,
        direction=direction,
        unit=unit,
        groups=groups,
        seed=seed,
        resamples=resamples,
    )
    if found is None:
        return unproven(gain, rows, seeds, share, groups=None if groups is None else count(groups))
    return judge(found, share, exact=exact)


def _check_shapes(
    baseline: NDArray[np.generic], other: NDArray[np.generic], targets: Array
) -> None:
    """Refuse predictions for other rows, and arms without a model or without rows.

    Raises:
        ValueError: the shapes do not fit.
    """
    rows, seeds = len(targets), (len(baseline), len(other))
    if rows == 0 or min(seeds) == 0 or {baseline.shape[1], other.shape[1]} != {rows}:
        raise ValueError(
            f"predictions of shapes {baseline.shape} and {other.shape} for {rows} targets; "
            "(seeds, rows) are needed, one of each at least"
        )


def _gain(
    score: Score,
    baseline: NDArray[np.generic],
    other: NDArray[np.generic],
    targets: Array,
    weights: Array,
    direction: Direction,
) -> float:
    means = [score(one, targets, weights)[0].mean() for one in (baseline, other)]
    return float(sign_of(direction) * (means[1] - means[0]))


def moments_of_scores(
    score: Score,
    baseline: NDArray[np.generic],
    other: NDArray[np.generic],
    targets: Array,
    *,
    direction: Direction = "maximize",
    unit: float = 1.0,
    groups: Groups | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Moments | None:
    """Return the moments of a gain for `crossed.judge`; arguments as in `compare_scores`.

    Draws on which a score is undefined, because a class has no row, are left out. Returns None if
    there is one seed or row, or if a score is undefined on the original rows or on most draws.
    """
    seeds, rows = (len(baseline), len(other)), len(targets) if groups is None else count(groups)
    if rows < 2 or min(seeds) < 2:
        return None
    sign = sign_of(direction)
    whole = np.ones((1, len(targets)))
    scores = [sign * score(one, targets, whole)[0] for one in (baseline, other)]
    gain = float(scores[1].mean() - scores[0].mean())
    redrawn = [
        np.concatenate(
            [
                sign * score(one, targets, weights if groups is None else weights[:, groups])
                for weights in row_weights(rows, resamples, seed)
            ]
        )
        for one in (baseline, other)
    ]
    defined = np.isfinite(np.concatenate(redrawn, axis=1)).all(axis=1)
    if not np.isfinite(gain) or defined.mean() < DEFINED:
        return None
    redrawn = [one[defined] for one in redrawn]
    wider = rows / (rows - 1) * widening(groups)
    of_rows = wider * float((redrawn[1].mean(axis=1) - redrawn[0].mean(axis=1)).var())
    return Moments(
        gain=gain,
        rows=rows,
        seeds=seeds,
        differences=of_rows * rows,
        means=(float(scores[0].var(ddof=1)), float(scores[1].var(ddof=1))),
        rest=(wider * rows * _alone(redrawn[0]), wider * rows * _alone(redrawn[1])),
        unseen=(of_rows * rows**2 + unit**2) / (_differing(baseline, other, groups) + 1),
        scores=(tuple(scores[0].tolist()), tuple(scores[1].tolist())),
        in_groups=None if groups is None else len(targets),
        evenness=evenness(groups),
    )


def row_weights(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield how often each row is drawn in each resample, (some resamples, rows) at a time."""
    random = np.random.default_rng(derive(seed, Stream.ROWS_REDRAWN))
    together = max(1, AT_ONCE // rows)
    for first in range(0, resamples, together):
        some = min(together, resamples - first)
        drawn = random.integers(rows, size=(some, rows))
        drawn += rows * np.arange(some)[:, None]
        yield np.bincount(drawn.ravel(), minlength=some * rows).reshape(some, rows).astype(float)


def _alone(redrawn: Array) -> float:
    """Return the variance over draws of one model apart from what its arm shares."""
    own = redrawn - redrawn.mean(axis=1, keepdims=True)
    n = int(redrawn.shape[1])
    return float(own.var(axis=0).mean()) * n / (n - 1)


def _differing(
    baseline: NDArray[np.generic], other: NDArray[np.generic], groups: Groups | None
) -> int:
    """Count the rows, or groups, on which the models of both arms do not all predict the same."""
    both = np.concatenate((baseline, other))
    differ = ~(both == both[0]).reshape(*both.shape[:2], -1).all(axis=(0, 2))
    return int(np.count_nonzero(differ)) if groups is None else len(np.unique(groups[differ]))
