"""Which models meet the test, and on how many seeds: none that took part in a choice.

The race on fresh folds chooses who is best by the validation scores of its models. A model that
was lucky in the race is better than its arm: it is no fair draw of it any more. So:

1. The race runs its rounds (6 by default) and names the winner. Its models never meet the test.
2. `seeds_to_test` then says how many seeds are worth training, from the race and the sizes alone.
3. So many models of the baseline, the recipe and the winner are trained on all development rows,
   with seeds of a stream of their own, and meet the test. It is opened once, for all of them, and
   nothing is decided from what it says.

Given the race, the models of step 3 are independent draws of their arms, whoever won and however
many they are: what an interval promises holds for the winner too.
"""

from __future__ import annotations

import math
from statistics import fmean, variance
from typing import TYPE_CHECKING

from tuner.evidence.certainty import smallest_gain
from tuner.evidence.comparison import FEWEST_TO_PROVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.evidence.components import Components

MOST_FOR_FEWEST = 4
WORTH = 0.02  # of the smallest gain that is seen: what all further seeds together have to save
BELIEVED = 0.5  # of the race's gain: the winner of a race was lucky there
SURE = 0.95  # how often the believed gain is to be seen


def most_seeds(fewest: int) -> int:
    """Return how many seeds are tested at most: no more than asked for, if these prove nothing."""
    return fewest * MOST_FOR_FEWEST if fewest >= FEWEST_TO_PROVE else fewest


def seeds_to_test(
    components: Components, gain: float, rows: int, fewest: int, looks: int = 1
) -> int:
    """Return on how many seeds the baseline, the recipe and the winner are tested.

    As few as do, from `fewest` to four times as many: enough to see half of the race's gain nearly
    always, or so many that further ones would hardly narrow the interval, because what is left is
    the luck of the rows. Nothing of the test is used but its size, so the number favours no arm.
    In simulations this sees a gain of three standard errors about as often as testing the models
    of up to 24 rounds of race did, and one of two a little less often (studies/verdict).

    Args:
        components: guessed (`certainty.guess`), with the spread of seeds of the race
            (`seed_spread`).
        gain: of the winner over the baseline in the race, above zero is better.
        rows: of the test.
        fewest: seeds.
        looks: at the test set, the coming one included.
    """
    most = most_seeds(fewest)
    if fewest < 2 or rows < 2:
        return most
    best = smallest_gain(components, rows, most, looks)
    for count in range(fewest, most):
        if smallest_gain(components, rows, count, looks) <= (1 + WORTH) * best:
            return count
        if smallest_gain(components, rows, count, looks, SURE) <= BELIEVED * gain:
            return count
    return most


def seed_spread(scores: Sequence[Sequence[float]], of_rows: float) -> float:
    """Return the standard deviation of a model's mean loss over seeds, from the rounds of a race.

    The rounds have other seeds and other folds, so their scores vary for two reasons; what the
    rows of a fold bring is taken off. A rough guess, good enough to choose a number of seeds.

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
