"""The arms of a study: the trials that are compared in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

ARMS = ("baseline", "recipe", "best")


def arms_of(study: optuna.Study) -> dict[str, FrozenTrial]:
    """Return the trial of each arm that has a complete one; the last one, where it was repeated.

    The best may be the baseline or the recipe itself.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found = {trial.user_attrs["arm"]: trial for trial in complete if "arm" in trial.user_attrs}
    if complete:
        found["best"] = study.best_trial
    return {name: found[name] for name in ARMS if name in found}
