"""How long trials took, and what they would have computed by their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.study.design import folds_trained
from tuner.study.schema import ARM, CURVE, HYPERPARAMETERS, SECONDS, WORK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def seconds_on(folds: int, trial: FrozenTrial, facts: Mapping[str, Any] | None) -> float:
    """Return the seconds that a trial took, or would have taken on this many folds.

    Baseline and recipe may train on more folds than the other trials. A trial that has not noted
    its time counts as 0 s.

    Args:
        facts: of its study, which say on how many folds it trained; without them the time is
            returned as it is. (A study copies all that it keeps each time it is asked for it.)
    """
    share = folds / folds_trained(facts, arm=ARM in trial.user_attrs) if facts else 1.0
    return share * float(trial.user_attrs.get(SECONDS, 0.0))


def whole_work(trial: FrozenTrial) -> float | None:
    """Return what a trial has computed, or, of a pruned one, would have by its last epoch.

    None: nothing is known of it, as of one that was not trained here.
    """
    facts = trial.user_attrs
    if not facts.get(CURVE) or not {HYPERPARAMETERS, WORK} <= facts.keys():
        return None
    if trial.state == TrialState.COMPLETE:
        return float(facts[WORK])
    share = float(facts[CURVE][-1][1]) / float(facts[HYPERPARAMETERS]["epochs"])
    return float(facts[WORK]) / min(1.0, share)
