"""What answers a loop's questions: TPE for one trial, or the middle of each range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.own.loops.trial import OneByOneSampler, middle
from tuner.search.tpe import STARTUP, Columns, RememberingTPESampler
from tuner.seeds import derive
from tuner.study.schema import PLACE

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

SAMPLER = "TPESampler(multivariate=False), n_startup_trials=10, reseeded for each hyperparameter"


class LoopSampler(RememberingTPESampler):
    """TPE for one trial of a loop: each hyperparameter is drawn from a stream of its own.

    So what is drawn does not depend on what was drawn before an interrupt. It learns from the
    trials that had ended when the trial was asked for, and from no other.

    Args:
        informed: how many had ended.
        startup: how many have to end before it learns from them.
    """

    def __init__(self, seed: int, columns: Columns, informed: int, startup: int = STARTUP) -> None:
        super().__init__(seed, columns, startup)
        self._seed, self._informed = seed, informed

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Divide the trials that had ended into good ones and the rest."""
        del trial
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        ended = [
            other
            for other in study.get_trials(deepcopy=False, states=states)
            if other.user_attrs.get(PLACE, 0) < self._informed
        ]
        self.learn_from(study, ended, len(ended))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a hyperparameter."""
        one = RememberingTPESampler(derive(self._seed, param_name), self._columns, self.startup)
        one.groups = self.groups
        return one.sample_independent(study, trial, param_name, param_distribution)


class MiddleSampler(OneByOneSampler):
    """Gives the middle of every range: for what a baseline or recipe does not name."""

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the middle."""
        del study, trial, param_name
        return middle(param_distribution)
