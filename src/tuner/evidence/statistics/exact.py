"""An exact test over seeds of two arms that share none, and its interval.

Where two arms are equal, every way to deal their models out to the two is as likely as the one
that was seen (Fisher 1935, "The Design of Experiments", section 21). So of 4 and 4 models, whose 70
ways are few, the two where all models of one arm beat all of the other come up in 2 of 70 studies,
whatever the distribution of their scores: normal, skewed, or good or bad by half.

A gain belongs to the interval where the arms could be equal after it has been taken off (Ernst
2004, "Permutation Methods: A Basis for Exact Inference", section 3). With 4 and 4 models at 2/70
that is from the best of one less the worst of the other, and back.
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
    """Return in how many ways models can be dealt out to two arms, this many to each."""
    return math.comb(sum(seeds), seeds[0])


def fewest_models(alpha: float, beside: int | None = None) -> int:
    """Return how many models an arm can be told apart at this two-sided rate: 4 at 5 %.

    Args:
        alpha: the rate.
        beside: models, two at least, of the other arm; None: as many.
    """
    count = 2
    while 2 / ways((count, beside or count)) > alpha:
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Dealt:
    """Gains at which some way of dealing is as far out as the one that was seen.

    Attributes:
        gains: (ways - 1,), sorted.
    """

    gains: Array

    def interval(self, alpha: float) -> Pair:
        """Return the gains that this two-sided rate leaves; all of them where it is too small."""
        place = math.floor(alpha / 2 * (len(self.gains) + 1) * (1 + 1e-9))
        if place < 1:
            return -math.inf, math.inf
        return float(self.gains[place - 1]), float(self.gains[-place])


def deal(baseline: Array, other: Array) -> Dealt | None:
    """Return what dealing the models of two arms out again tells of the gain of the other.

    Where some models of one arm change places with as many of the other, the difference of the
    means stays what it was if the gain is the difference of the means of those that did.

    Args:
        baseline: score of each model, more is better.
        other: the same.

    Returns:
        None where there are too many ways to go through them all.
    """
    counts = len(baseline), len(other)
    if ways(counts) > MOST_WAYS:
        return None
    parts = [
        np.subtract.outer(_means(other, size), _means(baseline, size)).ravel()
        for size in range(1, min(counts) + 1)
    ]
    return Dealt(np.sort(np.concatenate(parts)))


def _means(scores: Array, size: int) -> Array:
    """Return the mean of each subset of this size."""
    means: Array = scores[_places(len(scores), size)].mean(axis=1)
    return means


@cache
def _places(count: int, size: int) -> NDArray[np.intp]:
    return np.array(list(combinations(range(count), size)))
