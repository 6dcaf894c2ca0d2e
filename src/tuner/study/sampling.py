"""Which configurations are tried, and when one is given up. Chosen by measurement in studies/."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, PercentilePruner
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler

from tuner.objective import STAGES
from tuner.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Study
    from optuna.trial import FrozenTrial

SAMPLER = "TPESampler(multivariate), n_startup_trials=10, reseeded before each ask"
PRUNER = "TaperingPruner, n_startup_trials=5: from the worst tenth at a tenth to the worst half"
STARTUP_TRIALS = 5  # that have to be complete before any is pruned
FIRST_STAGE = STAGES // 10


def make_sampler(seed: int, number: int, fixed: Mapping[str, Any]) -> BaseSampler:
    """Make the sampler that draws trial `number` of the study with this `seed`.

    A new one for each trial: what is drawn then depends on the study's seed and its trials so far,
    not on how often the study was interrupted.
    """
    sampler = TPESampler(seed=derive(seed, "sampler", number))
    if not fixed:
        return sampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # it is, since Optuna 2.4
        return PartialFixedSampler(dict(fixed), sampler)


class TaperingPruner(BasePruner):
    """Give up the worst early, and the doubtful late.

    When a share s of a training is done, it goes on if it is among the best 1 - s of those that
    came so far, and from the half on, if it is among the better half. What is hopeless after a
    tenth stays so; but under a one-cycle schedule the best are among the worse until its second
    half, where a median from the start would have given them up.
    """

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Decide on the trial's last report."""
        stage = trial.last_step
        if stage is None or stage < FIRST_STAGE:
            return False
        percentile = 100 * max(1 - stage / STAGES, 0.5)
        pruner = PercentilePruner(percentile, n_startup_trials=STARTUP_TRIALS)
        return bool(pruner.prune(study, trial))  # numpy's, where it compares
