"""Samplers for a trial of a loop: TPE, or the middle of each range."""

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
    """TPE for one trial of a loop: each hyperparameter is drawn from a random stream of its own.

    So a draw does not depend on draws before an interrupt. It learns only from the trials that had
    ended when this trial was asked for.

    Args:
        informed: number of trials that had ended by then.
        startup: number of ended trials before it learns from them.
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
    """Returns the middle of every range, for values that a baseline or recipe does not name."""

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the middle of the range."""
        del study, trial, param_name
        return middle(param_distribution)
