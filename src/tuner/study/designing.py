"""Chooses how many folds a new study trains in its search, and how its best compete after it.

Measurements: one fold is enough to tell the better half of configurations from the worse one, but
five cannot order the best of them (studies/README.md, "How many folds"). So a search trains two
folds of each configuration, and the best few are trained on many fresh folds in the race after it.
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

ENOUGH = 2  # folds in the search, if each costs a training of its own
# The last round has two candidates: with one more round, the winner alone would train, and nothing
# would be decided. Small folds cannot order the best by accuracy, and the candidates' scores in the
# search are those of the luckiest of many. So only fresh folds count, by the surrogate
# (studies/photos, "The choice").
ON_FOLDS = RaceRules(entered=(6, 4, 3, 2), arms=4, by_surrogate=True, with_guess=True)
# A single held-out part is large: one round tells as much as it can about the candidates, and each
# round is a whole training.
ON_ONE_PART = RaceRules(entered=(3, 1), arms=2, with_search=True)
# If folds train as one stack, all of them are used in the search, and they rank the best as well as
# fresh ones do. Six fresh ones are one stack too, so dropping candidates saves nothing. Six
# candidates cost 1.7 times as much as three and were no better.
ON_STACKS = RaceRules(entered=(3,) * 6, arms=6)
IN_TIME = RaceRules(entered=(6, 4, 3, 2), arms=4)


def design_for(case: Case, data: Dataset) -> Design:
    """Choose the design of a new study.

    Folds that are trained as one stack cost little more than one, so all of them are used. Folds in
    the order of time are all used too, because they differ: the first ones have the fewest training
    rows, and the last one is most like the test.
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
    except Exception:  # the user's code: the training reports what is wrong
        return False
    return stackable(network, data, case)
