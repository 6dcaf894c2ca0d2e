"""Guesses: configurations that are tried first after baseline and recipe, from textbooks.

The first guess has the most likely value of each hyperparameter (`tuner.models.priors`), and the
others are draws around it. They are drawn once, when a study is made, and stored with its facts; a
guess over a limit is made smaller before it is tried (`tuner.study.limited_guesses`). The search
makes as many random draws as without guesses, and the same ones, so a bad guess costs only its own
training (for the same reason, PriorBand, Mallik et al. 2023, arXiv:2306.12370, uses priors early
and never exclusively).
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from tuner.case.space import space
from tuner.data.splits import folds
from tuner.models.priors import is_known_family, optimizer_for, priors_for
from tuner.models.priors.situation import Situation
from tuner.study.guess import Guess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.models.priors.kinds import Prior

DRAWS = 4  # after the first guess, for classification; for regression, draws made searches worse


def guesses_of(
    case: Case, data: Dataset, seed: int, fixed: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the configurations to try first, as the values that `suggest` draws for each.

    A case's own guesses come first. If it has one, or does not define guesses, priors follow, for
    models that tuner builds. They also follow for a user's own model if the search draws its
    learning rate and the model has no optimizer or step of its own; otherwise the meaning of its
    values is unknown. For a user's own model, only the first guess is used, because too little is
    known for draws.

    Args:
        seed: of the study.
        fixed: hyperparameters that the search does not vary.

    Raises:
        CaseError: `suggest` fails.
    """
    given, known = case.guesses, priors_of(case, data, seed, fixed)
    made = [Guess(asdict(one)) for one in given or ()]
    if known and given is None:
        made.append(Guess(asdict(case.baseline), known))
    if known and case.task == "classification" and is_known_family(case.baseline):
        draws = DRAWS if given is None or len(given) == 1 else 0
        made += [Guess(asdict(case.baseline), known, draw) for draw in range(draws)]
    found: list[dict[str, Any]] = []
    seen = [asdict(case.baseline), asdict(case.recipe)]
    for one in made:
        params, hyperparameters, _ = one.replayed(case, seed, fixed)
        if params and hyperparameters not in seen:
            found.append(params)
            seen.append(hyperparameters)
    return found


def priors_of(
    case: Case, data: Dataset, seed: int, fixed: Mapping[str, Any], *, limited: bool = False
) -> dict[str, Prior]:
    """Return the priors of the hyperparameters that a case's search draws; empty if unknown.

    Args:
        seed: of the split into folds.
        fixed: hyperparameters that the search does not vary.
        limited: whether limits keep models smaller than they would otherwise be.

    Raises:
        CaseError: `suggest` fails.
    """
    drawn = space(case)
    if "learning_rate" not in drawn or case.optimizer is not None or case.step is not None:
        return {}
    optimizers = drawn.get("optimizer")
    choices = optimizers.choices if isinstance(optimizers, CategoricalDistribution) else ()
    likely = optimizer_for(case.baseline, choices) or case.baseline.optimizer
    shape = data.row_shape
    situation = Situation(
        rows=len(folds(data.development, data.validation, seed)[0].training),
        classes=len(data.classes),
        features=data.table.width if data.table else math.prod(shape),
        side=min(shape[1:]) if len(shape) == 3 else None,
        optimizer=fixed.get("optimizer", likely),
        limited=limited,
    )
    known = priors_for(case.baseline, situation)
    return {name: prior for name, prior in known.items() if name in drawn}
