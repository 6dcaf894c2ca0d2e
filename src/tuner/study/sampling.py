"""Which configurations are tried, and when one is given up. Chosen by measurement in studies/."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from tuner.objective import STAGES
from tuner.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Study
    from optuna.trial import FrozenTrial

SAMPLER = "TPESampler(multivariate=False), n_startup_trials=10, reseeded before each ask"
PRUNER = "TaperingPruner: after a share s of a training, the best (1 - s)^2 of all trials go on"
STARTUP_TRIALS = 5  # that are not pruned
FIRST_STAGE = STAGES // 10


def make_sampler(seed: int, number: int, fixed: Mapping[str, Any]) -> BaseSampler:
    """Make the sampler that draws trial `number` of the study with this `seed`.

    A new one for each trial: what is drawn then depends on the study's seed and its trials so far,
    not on how often the study was interrupted. Each hyperparameter is drawn by itself: drawn
    together, as Optuna does by default, they stay near the few good combinations of the beginning.
    """
    sampler = TPESampler(seed=derive(seed, "sampler", number), multivariate=False)
    if not fixed:
        return sampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # it is, since Optuna 2.4
        return PartialFixedSampler(dict(fixed), sampler)


class TaperingPruner(BasePruner):
    """Give up the worst early, and the doubtful late.

    When a share s of a training is done, it goes on if it is among the best (1 - s)^power of all
    trials before it, or among the `least` that always go on; those pruned earlier count as worse.
    That is the rule of asynchronous successive halving (Li et al. 2020, "A System for Massively
    Parallel Hyperparameter Tuning", algorithm 2) with a rung at each stage. Optuna's median and
    percentile pruners compare with complete trials alone: the more are pruned, the better these
    are, and soon every new configuration that starts slowly is given up, as all do under a
    one-cycle schedule.

    Args:
        power: the higher, the earlier.
        least: share of the trials that goes on to the end.
    """

    def __init__(self, power: float = 2, least: float = 0.15) -> None:
        self.power, self.least = power, least

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Decide on the trial's last report."""
        stage = trial.last_step
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        if stage is None or stage < FIRST_STAGE or len(ended) < STARTUP_TRIALS:
            return False
        sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
        score = sign * trial.intermediate_values[stage]
        others = [_score_at(stage, other) for other in ended]
        better = sum(other is not None and sign * other > score for other in others)
        share: float = max((1 - stage / STAGES) ** self.power, self.least)
        return better >= share * len(ended)


def _score_at(stage: int, trial: FrozenTrial) -> float | None:
    """Return the trial's last score up to this stage; None, if it was pruned before."""
    if trial.state == TrialState.PRUNED and (trial.last_step or 0) < stage:
        return None
    values = trial.intermediate_values
    if stage in values:
        return values[stage]
    reached = [step for step in values if step <= stage]
    return values[max(reached)] if reached else None
