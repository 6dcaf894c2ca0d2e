"""The arms of a study: the trials that are compared in the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tuner.study.limits import breaks_limits
from tuner.study.schema import BEST_EPOCH, CONFIRMATION, HYPERPARAMETERS
from tuner.study.trials import complete_trials, sign_of_study

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

ARMS = ("baseline", "recipe", "best")
CANDIDATES = 3


def arms_of(study: optuna.Study) -> dict[str, FrozenTrial]:
    """Return the trial of each arm that has a complete one; the last one, where it was repeated.

    The best is what won on fresh folds, as long as the candidates are those of now; before that,
    the trial with the best score in the search. It may be the baseline or the recipe.
    """
    complete = _trained(study)
    found = {trial.user_attrs["arm"]: trial for trial in complete if "arm" in trial.user_attrs}
    if candidates := candidates_of(study):
        confirmation: dict[str, Any] = study.user_attrs.get(CONFIRMATION, {})
        current = confirmation.get("candidates") == [trial.number for trial in candidates]
        winners = [t for t in complete if current and t.number == confirmation["winner"]]
        found["best"] = (winners or candidates)[0]
    return {name: found[name] for name in ARMS if name in found}


def candidates_of(study: optuna.Study) -> list[FrozenTrial]:
    """Return the complete trials that did best in the search, each configuration once.

    A baseline or recipe whose model is over a limit is none of them.
    """
    best_first = sorted(
        (trial for trial in _trained(study) if not breaks_limits(trial)),
        key=lambda trial: trial.values[0],
        reverse=sign_of_study(study) > 0,
    )
    distinct: dict[str, FrozenTrial] = {}
    for trial in best_first:
        distinct.setdefault(json.dumps(trial.user_attrs.get("hyperparameters")), trial)
    return list(distinct.values())[:CANDIDATES]


def _trained(study: optuna.Study) -> list[FrozenTrial]:
    """Return what tuner has trained to its end; trials from elsewhere inform the sampler alone."""
    own = {HYPERPARAMETERS, BEST_EPOCH}
    return [trial for trial in complete_trials(study) if own <= trial.user_attrs.keys()]
