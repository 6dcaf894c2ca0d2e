"""The time that trials took, and the work that they would have done by their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.study.design import folds_trained
from tuner.study.schema import ARM, CURVE, HYPERPARAMETERS, SECONDS, WORK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def seconds_on(folds: int, trial: FrozenTrial, facts: Mapping[str, Any] | None) -> float:
    """Return the seconds that a trial took, or would have taken on a number of folds.

    Baseline and recipe may train on more folds than the other trials. A trial that stored no time
    counts as 0 s.

    Args:
        facts: of its study, which tell on how many folds it trained; without them the time is
            returned unchanged. (Read them once: a study copies all its attributes at each access.)
    """
    share = folds / folds_trained(facts, arm=ARM in trial.user_attrs) if facts else 1.0
    return share * float(trial.user_attrs.get(SECONDS, 0.0))


def whole_work(trial: FrozenTrial) -> float | None:
    """Return the work of a trial; for a pruned one, the work that it would have done in all.

    None if nothing is known, as for a trial that was not trained by tuner.
    """
    facts = trial.user_attrs
    if not facts.get(CURVE) or not {HYPERPARAMETERS, WORK} <= facts.keys():
        return None
    if trial.state == TrialState.COMPLETE:
        return float(facts[WORK])
    share = float(facts[CURVE][-1][1]) / float(facts[HYPERPARAMETERS]["epochs"])
    return float(facts[WORK]) / min(1.0, share)
