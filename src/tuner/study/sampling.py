"""Which configurations are tried, and when one is given up. Chosen by measurement in studies/."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler

from tuner.objective import STAGES
from tuner.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLER = "TPESampler(multivariate), n_startup_trials=10, reseeded before each ask"
PRUNER = "MedianPruner, n_startup_trials=5, from half of a training on"


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


def make_pruner() -> BasePruner:
    """Make the pruner of every study.

    It waits for the second half of a training: under a one-cycle schedule the best configurations
    are among the worst before.
    """
    return MedianPruner(n_startup_trials=5, n_warmup_steps=STAGES // 2)
