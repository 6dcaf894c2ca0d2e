"""The pigeonhole bootstrap: a check of the moment estimates of `crossed`.

Owen 2007, "The pigeonhole bootstrap" (Annals of Applied Statistics 1(2)): rows are resampled with
replacement, and so are the seeds of each arm. A model and a row that are both drawn contribute
their loss. The variance of this bootstrap is known to contain the interaction of models and rows
three times instead of once. Its size follows from three variances: with only rows resampled, with
only seeds, and with both. Deviations are scaled by n / (n - 1), because a resample of few varies
too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tuner.evidence.statistics.resampling import RESAMPLES, row_weights
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from numpy.random import Generator

    from tuner.evidence.statistics.components import Array, Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """The result of resampling rows and seeds, for a gain.

    Attributes:
        standard_error: corrected for what the pigeonhole bootstrap counts too often.
        plain_error: of the uncorrected bootstrap.
        interval: 95 %, from percentiles, scaled to `standard_error`.
        gains: (resamples,).
    """

    standard_error: float
    plain_error: float
    interval: Pair
    gains: Array


@dataclass(frozen=True, slots=True)
class _Arm:
    """Scores of an arm's models: (seeds,) on the rows, (resamples, seeds) on resampled rows."""

    scores: Array
    redrawn: Array


def resample(baseline: Array, other: Array, seed: int = 0, resamples: int = RESAMPLES) -> Resampled:
    """Resample the rows and seeds of two arms' losses, crossed.

    Args:
        baseline: losses (seeds, rows); less is better.
        other: likewise.
        seed: of the study.
        resamples: number of resamples.
    """
    rows = baseline.shape[1]
    parts = [
        (-weights @ baseline.T / rows, -weights @ other.T / rows)
        for weights in row_weights(rows, resamples, seed)
    ]
    redrawn = [np.concatenate(part) for part in zip(*parts, strict=True)]
    arms = [
        _Arm(-one.mean(axis=1), two) for one, two in zip((baseline, other), redrawn, strict=True)
    ]
    return _pigeonhole(
        arms[0], arms[1], rows, np.random.default_rng(derive(seed, Stream.SEEDS_REDRAWN))
    )


def _pigeonhole(baseline: _Arm, other: _Arm, rows: int, random: Generator) -> Resampled:
    resamples = len(other.redrawn)
    gain = float(other.scores.mean() - baseline.scores.mean())
    by_rows, by_seeds, by_both = (np.zeros(resamples) for _ in range(3))
    for sign, arm in ((-1, baseline), (1, other)):
        n = len(arm.scores)
        drawn = random.multinomial(n, np.full(n, 1 / n), size=resamples)
        shares = (1 + (drawn - 1) * (n / (n - 1)) ** 0.5) / n
        widened = arm.scores + (arm.redrawn - arm.scores) * (rows / (rows - 1)) ** 0.5
        by_rows += sign * widened.mean(axis=1)
        by_seeds += sign * shares @ arm.scores
        by_both += sign * (shares * widened).sum(axis=1)
    plain = float(by_both.var())
    parts = float(by_rows.var()) + float(by_seeds.var())
    # Both parts contain the interaction once, and the plain variance contains it three times. So
    # the interaction is the plain variance minus their sum.
    error = max(parts - max(0.0, plain - parts), float(by_rows.var())) ** 0.5
    low, high = np.percentile(by_both - gain, (2.5, 97.5)) * (error / plain**0.5 if plain else 0)
    return Resampled(
        standard_error=error,
        plain_error=plain**0.5,
        interval=(gain + float(low), gain + float(high)),
        gains=by_both,
    )
