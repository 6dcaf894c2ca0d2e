"""Chooses the sampler of a study, by measurements in studies/."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, PartialFixedSampler

from tuner.errors import StudyError
from tuner.search.bayesian import BayesianSampler
from tuner.search.tpe import STARTUP, Columns, RememberingTPESampler
from tuner.seeds import Stream, derive
from tuner.study.samplers import COOLING, GAUSSIAN, ONE_BY_ONE, SAMPLERS, THRIFTY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from tuner.data.dataset import Dataset

SAMPLER = GAUSSIAN  # of new studies on tables
COOLS = 30  # trials after the random ones, over which the weight of computation falls to 0


def sampler_for(data: Dataset) -> str:
    """Describe the sampler of a new study.

    On images, dividing the expected improvement by the computation saves much of a search. The
    division is weakened from trial to trial, because the best configuration may be expensive. On a
    table, which trains in seconds, it found worse configurations (studies/search/thrift.py).
    """
    return SAMPLER if data.pixels is None else COOLING


def thrift(description: str, number: int) -> float:
    """Return the exponent of the computation by which expected improvement is divided.

    With a constant exponent, the search never tries good but expensive configurations. So it falls
    from 1 to 0 ("cost-cooling", Lee et al. 2020, "Cost-aware Bayesian Optimization",
    arXiv:2003.10870). It depends on the number of the trial, not on what is left of a budget, so
    that a continued study draws the same trials as a longer one.

    Args:
        description: of a sampler that draws all hyperparameters together.
        number: of the trial, not counting guesses.
    """
    if description == COOLING:
        return max(0.0, 1 - max(0, number - STARTUP) / COOLS)
    return 1.0 if description == THRIFTY else 0.0


class Samplers:
    """Makes the samplers of one study, one for each trial.

    So draws depend on the study's seed and its trials so far, but not on how often the study was
    interrupted.

    Args:
        description: of the sampler that the study began with; empty for an older study, which
            stored no description and draws each hyperparameter by itself.

    Raises:
        StudyError: this version has no such sampler.
    """

    def __init__(self, description: str | None) -> None:
        if description and description not in SAMPLERS:
            raise StudyError(
                f"this version of tuner has no sampler {description!r}; continue the study with "
                "the version that made it"
            )
        self._description = description or ONE_BY_ONE
        self._columns = Columns()

    def __call__(
        self, seed: int, number: int, fixed: Mapping[str, Any], startup: int = STARTUP
    ) -> BaseSampler:
        """Make the sampler that draws a trial of the study with this `seed`.

        Args:
            number: of the trial, not counting guesses.
            fixed: hyperparameters that the search does not vary.
            startup: number of ended trials before it learns from them.
        """
        own = derive(seed, Stream.SAMPLER, number)
        sampler: BaseSampler
        if self._description == ONE_BY_ONE:
            sampler = RememberingTPESampler(own, self._columns, startup)
        else:
            power = thrift(self._description, number)
            sampler = BayesianSampler(own, self._columns, startup, fixed, power)
        if not fixed:
            return sampler
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # it is experimental
            return FixingSampler(dict(fixed), sampler)


class FixingSampler(PartialFixedSampler):
    """`PartialFixedSampler` without its warning for each trial whose own range is narrower.

    A range may depend on other hyperparameters. Whether the value can be reached at all was checked
    when it was fixed.
    """

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the fixed value, or draw one."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Fixed parameter .* is out of range")
            return super().sample_independent(study, trial, param_name, param_distribution)
