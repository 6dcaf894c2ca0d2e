"""An exact test over the seeds of two arms, and its interval.

If two arms are equal, every way to divide their models between the two is as likely as the observed
one (Fisher 1935, "The Design of Experiments", section 21). 4 and 4 models can be divided in 70
ways. In two of these, all models of one arm beat all of the other. So this happens in 2 of 70
studies of equal arms, whatever the distribution of their scores: normal, skewed, or good or bad
with equal chance.

A gain belongs to the interval if the arms could be equal after it is subtracted (Ernst 2004,
"Permutation Methods: A Basis for Exact Inference", section 3). With 4 and 4 models at 2/70, the
ends are the best of one minus the worst of the other, in both directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tuner.evidence.statistics.components import Array, Counts, Pair

MOST_WAYS = 200_000  # 10 and 10 models have 184,756; with more, Student's distribution is as good


def ways(seeds: Counts) -> int:
    """Return in how many ways models can be divided into two arms of these sizes."""
    return math.comb(sum(seeds), seeds[0])


def fewest_models(alpha: float, beside: int | None = None) -> int:
    """Return how many models per arm this two-sided rate needs: 4 at 5 %.

    Args:
        alpha: the rate.
        beside: number of models in the other arm, at least two; None for the same number.
    """
    count = 2
    while 2 / ways((count, beside or count)) > alpha:
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Dealt:
    """The gains at which some division of the models is as extreme as the observed one.

    Attributes:
        gains: (ways - 1,), sorted.
    """

    gains: Array

    def interval(self, alpha: float) -> Pair:
        """Return the interval of gains at this two-sided rate; infinite if it is too small."""
        place = _place(alpha, len(self.gains) + 1)
        if place < 1:
            return -math.inf, math.inf
        return float(self.gains[place - 1]), float(self.gains[-place])


def deal(baseline: Array, other: Array) -> Dealt | None:
    """Return the gains at which a division of the models is as extreme as the observed one.

    If some models of one arm change places with as many of the other, the difference of the means
    stays the same exactly if the gain equals the difference of the means of the models that
    changed.

    Args:
        baseline: score of each model, higher is better.
        other: the same.

    Returns:
        None if there are too many ways to try them all.
    """
    counts = len(baseline), len(other)
    if ways(counts) > MOST_WAYS:
        return None
    return Dealt(np.sort(_gains(baseline, other)))


def lower_ends(baseline: Array, other: Array, alpha: float) -> Array:
    """Return the lower ends of the intervals of many tests, each finite.

    Args:
        baseline: scores (tests, models), higher is better.
        other: the same.
        alpha: two-sided rate; if it is smaller than so few models can resolve, the least they can.
    """
    gains = _gains(baseline, other)
    place = max(1, _place(alpha, gains.shape[1] + 1))
    ends: Array = np.partition(gains, place - 1, axis=1)[:, place - 1]
    return ends


def _place(alpha: float, count: int) -> int:
    """Return which of the sorted gains ends an interval; zero if so few ways cannot tell."""
    return math.floor(alpha / 2 * count * (1 + 1e-9))


def _gains(baseline: Array, other: Array) -> Array:
    """Return the gain of each way to exchange models: (..., models) to (..., ways - 1)."""
    pairs = [
        _means(other, size)[..., :, None] - _means(baseline, size)[..., None, :]
        for size in range(1, min(baseline.shape[-1], other.shape[-1]) + 1)
    ]
    gains: Array = np.concatenate([one.reshape(*one.shape[:-2], -1) for one in pairs], axis=-1)
    return gains


def _means(scores: Array, size: int) -> Array:
    """Return the mean of each subset of this size: (..., models) to (..., subsets)."""
    means: Array = scores[..., _places(scores.shape[-1], size)].mean(axis=-1)
    return means


@cache
def _places(count: int, size: int) -> NDArray[np.intp]:
    return np.array(list(combinations(range(count), size)))
