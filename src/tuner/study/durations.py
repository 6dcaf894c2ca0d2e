"""How long trials took, on as many folds as those that they are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.study.design import folds_trained
from tuner.study.schema import ARM, FACTS, SECONDS

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


def seconds_on(folds: int, trial: FrozenTrial, study: optuna.Study) -> float:
    """Return the seconds that a trial took, or would have taken on so many folds.

    Baseline and recipe may train on more folds than the other trials. A trial that has not noted
    its time counts as 0 s.

    Args:
        study: the trial's, whose facts say on how many folds it trained; without facts the time is
            returned as it is.
    """
    facts: dict[str, Any] | None = study.user_attrs.get(FACTS)
    share = folds / folds_trained(facts, arm=ARM in trial.user_attrs) if facts else 1.0
    return share * float(trial.user_attrs.get(SECONDS, 0.0))
