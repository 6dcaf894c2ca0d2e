"""Which models meet the test: none that took part in a choice.

The race on fresh folds chooses who is best by the validation scores of its models. A model that
was lucky in the race is better than its arm: it is no fair draw of it any more. So:

1. The race runs its rounds and names the winner. Its models never meet the test.
2. New models of the baseline, the recipe and the winner are trained on all development rows, with
   seeds of a stream of their own each, and meet the test.
3. Where the first look has proven nothing, as many again are trained, and all of them meet it a
   second and last time (`looks.Plan`).

Given the race, the models of steps 2 and 3 are independent draws of their arms, whoever won: what
an interval promises holds for the winner too.
"""

from __future__ import annotations

import math
from statistics import fmean, variance
from typing import TYPE_CHECKING

from tuner.evidence.statistics.comparison import FEWEST_TO_PROVE

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FOR_FEWEST = 4
BELIEVED = 0.5  # of the race's gain: the winner of a race was lucky there
SURE = 0.95  # how often the believed gain is to be seen


def most_seeds(fewest: int) -> int:
    """Return how often a loop is called at most: no more than asked for, if these prove nothing."""
    return fewest * MOST_FOR_FEWEST if fewest >= FEWEST_TO_PROVE else fewest


def seed_spread(scores: Sequence[Sequence[float]], of_rows: float) -> float:
    """Return the standard deviation of a model's mean loss over seeds, from the rounds of a race.

    The rounds have other seeds and other folds, so their scores vary for two reasons; what the
    rows of a fold bring is taken off. A rough guess, good enough to say what a test can show.

    Args:
        scores: of each arm, one a round; arms with fewer than two are left out.
        of_rows: variance that the rows held out bring: of a loss over rows, by the rows held out
            (error * (1 - error) / rows, where losses are right or wrong).

    Raises:
        ValueError: no arm has two scores.
    """
    spreads = [variance(one) for one in scores if len(one) >= 2]
    if not spreads:
        raise ValueError("no arm has two scores, so their spread is unknown")
    return math.sqrt(max(0.0, fmean(spreads) - of_rows))
