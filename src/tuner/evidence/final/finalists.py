"""Which models are tested: none that took part in a choice.

The race on fresh folds chooses the best by the validation scores of its models. A model that was
lucky in the race is better than its arm, so it is no longer a fair sample of the arm. So:

1. The race runs its rounds and names the winner. Its models are never tested.
2. New models of the baseline, the recipe and the winner are trained on all development rows, each
   arm with a stream of seeds of its own, and are tested.
3. If the first look has proven nothing, as many again are trained, and all are tested a second and
   last time (`looks.Plan`).

Given the race, the models of steps 2 and 3 are independent samples of their arms, whoever won. So
the coverage of an interval also holds for the winner.
"""

from __future__ import annotations

import math
from statistics import fmean, variance
from typing import TYPE_CHECKING

from tuner.evidence.statistics.comparison import FEWEST_TO_PROVE

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FOR_FEWEST = 4
BELIEVED = 0.5  # of the race's gain, because the winner of a race was lucky in it
SURE = 0.95  # probability of detecting the believed gain


def most_seeds(fewest: int) -> int:
    """Return the most calls of a loop per arm; exactly `fewest` if these can prove nothing."""
    return fewest * MOST_FOR_FEWEST if fewest >= FEWEST_TO_PROVE else fewest


def seed_spread(scores: Sequence[Sequence[float]], of_rows: float) -> float:
    """Return the standard deviation of a model's mean loss over seeds, from the rounds of a race.

    The scores of rounds vary for two reasons, because both seeds and folds differ; the variance
    from the rows of a fold is subtracted. This is a rough guess, good enough to tell what a test
    can show.

    Args:
        scores: of each arm, one per round; arms with fewer than two are left out.
        of_rows: variance of a score due to the rows held out: the variance of a loss over rows,
            divided by their number (error * (1 - error) / rows, if losses are right or wrong).

    Raises:
        ValueError: no arm has two scores.
    """
    spreads = [variance(one) for one in scores if len(one) >= 2]
    if not spreads:
        raise ValueError("no arm has two scores, so their spread is unknown")
    return math.sqrt(max(0.0, fmean(spreads) - of_rows))
