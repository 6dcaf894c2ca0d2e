"""How many folds a new study trains in its search, and how its best are raced after it.

Measured, one fold tells the better half of configurations from the worse one, and five cannot order
the best of them (studies/README.md, "How many folds"). So a search trains two folds of each
configuration, and the best few meet many fresh folds in the race after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.case.contract import shape_of
from tuner.data.splits import Holdout, TimeFolds, number_of_folds
from tuner.study.design import Design, RaceRules
from tuner.training.networks import stackable
from tuner.training.randomness import undisturbed

if TYPE_CHECKING:
    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

ENOUGH = 2  # folds in the search, where each costs a training of its own
# The last round has two: one more would train the winner alone, and decide nothing. Folds of few
# rows cannot order the best by how many they get right, and their scores in the search are those of
# the luckiest of many: so fresh folds alone count, by the surrogate (studies/photos, "The choice").
ON_FOLDS = RaceRules(entered=(6, 4, 3, 2), arms=4, by_surrogate=True, with_guess=True)
# A single held-out part is large: one round tells the candidates apart as far as can be told, and
# each round is a whole training.
ON_ONE_PART = RaceRules(entered=(3, 1), arms=2, with_search=True)
# All folds of the search tell the best apart as well as fresh ones do, and six fresh ones are one
# stack, so nobody is dropped on the way. Six candidates cost 1.7 times as much and won nothing.
ON_STACKS = RaceRules(entered=(3,) * 6, arms=6)
IN_TIME = RaceRules(entered=(6, 4, 3, 2), arms=4)


def design_for(case: Case, data: Dataset) -> Design:
    """Choose for a study that begins now.

    Folds that are trained as one stack cost little more than one: there, all are used. So are folds
    in the order of time, which are not alike: the first ones have the fewest rows to train on, and
    the last one is most like the test.
    """
    k = number_of_folds(data.validation)
    if isinstance(data.validation, Holdout):
        return Design(folds_in_search=1, race=ON_ONE_PART)
    if _stacks(case, data):
        return Design(folds_in_search=k, race=ON_STACKS)
    if isinstance(data.validation, TimeFolds):
        return Design(folds_in_search=k, race=IN_TIME)
    return Design(folds_in_search=min(k, ENOUGH), race=ON_FOLDS)


def _stacks(case: Case, data: Dataset) -> bool:
    """Whether the folds of a case's baseline are trained as one stack."""
    try:
        with undisturbed():
            network = case.build(case.baseline, shape_of(data))
    except Exception:  # a user's code: what is wrong with it the training will say
        return False
    return stackable(network, data, case)
