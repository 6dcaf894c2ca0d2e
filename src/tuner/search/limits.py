"""Keeps the models that a search trains within the limits of its study."""

from __future__ import annotations

from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from tuner.errors import CaseError
from tuner.study.cost import Costs
from tuner.study.limits import BREAKS, COST, LATENCY, PARAMETERS, was_passed_over
from tuner.study.schema import ALLOWED, ARM, BUDGET, OVER_LIMITS, STOPPED
from tuner.study.trials import finished
from tuner.training.cost import latency_of, parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.study.configuration import StudyConfig
    from tuner.study.limits import Limits

MOST_IN_A_ROW = 100  # configurations over a limit, after which the search gives up


class LimitedModels:
    """Measures models before they are trained, if the study has limits.

    Args:
        study: the study as the search sees it, in memory.
    """

    def __init__(self, study: optuna.Study, config: StudyConfig) -> None:
        self.study, self.config = study, config

    @property
    def are_hopeless(self) -> bool:
        """Whether the last hundred configurations are over the limits, earlier runs included."""
        trials = reversed(self.study.get_trials(deepcopy=False))
        return sum(1 for _ in takewhile(self._is_still_over, trials)) >= MOST_IN_A_ROW

    def _is_still_over(self, trial: FrozenTrial) -> bool:
        """Whether a trial was skipped, and the present limits would skip it again."""
        if not was_passed_over(trial):
            return False
        try:
            excess = self.config.limits.of_trial(trial.user_attrs).excess(trial.user_attrs)
        except KeyError:  # a limit is new and was not measured for this trial
            return False
        return any(share > 0 for share in excess.values())

    def give_up(self, running: int) -> None:
        """End the search, because every drawn configuration is over the limits; let trials finish.

        Args:
            running: trials that are being trained.
        """
        limits, allowed = self.config.limits, self.study.user_attrs.get(ALLOWED)
        trials = finished(self.study) + running
        over = f"{MOST_IN_A_ROW} configurations in a row need more than {limits.in_words()}"
        stopped = {"reason": f"after {trials} trials: {over}", "trials": trials}
        if allowed and allowed["cost"] == limits.cost:
            self.study.set_user_attr(BUDGET, {"seconds": allowed["seconds"]})
        else:
            stopped[OVER_LIMITS] = MOST_IN_A_ROW
        self.study.set_user_attr(STOPPED, stopped)

    def allow(self, trial: optuna.Trial, chosen: Any) -> bool:
        """Return whether a model is within the limits; measure it unless an interrupted run has.

        A model that cannot be built counts as within them: its training fails and gives the reason.
        """
        limits = self.config.limits.of_trial(trial.user_attrs)
        try:
            known = {**self._measured(limits, trial.user_attrs, chosen), **trial.user_attrs}
        except CaseError:
            return True
        excess = limits.excess(known)
        told = self.study.get_trials(deepcopy=False)[trial.number].constraints
        for name, share in excess.items():
            trial.set_user_attr(name, known[name])
            if name not in told:
                trial.set_constraint(name, share)  # TPE ranks trials over a limit last
        trial.set_user_attr(BREAKS, list(excess.values()))
        return ARM in known or all(share <= 0 for share in excess.values())

    def _measured(self, limits: Limits, known: Mapping[str, Any], chosen: Any) -> dict[str, float]:
        """Return those costs of a model that are limited and not known yet."""
        config, found = self.config, dict[str, float]()
        if PARAMETERS not in known and limits.parameters is not None:
            found[PARAMETERS] = parameters_of(config.case, chosen, config.dataset)
        if LATENCY not in known and limits.latency_ms is not None:
            found[LATENCY] = latency_of(config.case, chosen, config.dataset, config.plan)
        if COST not in known and limits.cost is not None:
            found[COST] = self._costs.of(chosen)
        return found

    @cached_property
    def _costs(self) -> Costs:
        return Costs(self.config.case, self.config.dataset, self.config.plan)
