"""Private names of Optuna: the rows behind its objects, its tables, and the parts of its TPE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.storages._rdb import models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.study import StudySummary
    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial
    from sqlalchemy import Engine

__all__ = [
    "NOTE_VERSION",
    "OFFERED_ARTIFACT",
    "OpenTPESampler",
    "engine_of",
    "models",
    "row_of_study",
    "row_of_trial",
    "split_trials",
    "storage_of",
]

# System attributes that optuna and optuna-dashboard write. Both can add an artifact or a note, but
# neither has a call that takes an artifact off the record, or tells who wrote a note last.
OFFERED_ARTIFACT = "artifacts:"  # and the artifact's id: what an artifact is
NOTE_VERSION = "dashboard:note_ver"  # how often a note was saved


def storage_of(study: Study) -> BaseStorage:
    """Return where a study is stored.

    `load_study` and `get_all_study_names` take a storage, and a study does not give its own.
    """
    return study._storage


def row_of_study(study: Study | FrozenStudy | StudySummary) -> int:
    """Return a study's id in its storage: the storage's calls take it in place of the study."""
    return study._study_id


def row_of_trial(trial: FrozenTrial) -> int:
    """Return a trial's id in its storage; the public `number` counts within one study."""
    return trial._trial_id


def engine_of(study: Study) -> Engine:
    """Return the connections to the database of a study.

    `RDBStorage.engine` is public, but `load_study` wraps the storage and hides it.
    """
    engine: Engine = study._storage._backend.engine  # type: ignore[attr-defined]
    return engine


def split_trials(
    study: Study, trials: Sequence[FrozenTrial], ended: int
) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """Divide trials into good ones and the rest, as TPE does.

    Args:
        ended: how many have ended; the number of good ones follows from it.
    """
    good, rest = _split_trials(study, list(trials), default_gamma(ended))
    return good, rest


class OpenTPESampler(TPESampler):
    """`TPESampler(seed, multivariate=False)` whose parts can be called one by one.

    `TPESampler` reads all trials again for each hyperparameter; to read them once a trial, the
    parts of its `_sample` have to be had.
    """

    def __init__(self, seed: int, startup: int) -> None:
        super().__init__(seed=seed, multivariate=False, n_startup_trials=startup)

    @property
    def startup(self) -> int:
        """How many trials are drawn at random before it learns."""
        return self._n_startup_trials

    def draw_at_random(
        self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution
    ) -> Any:
        """Draw a hyperparameter without learning from other trials."""
        return self._random_sampler.sample_independent(study, trial, name, distribution)

    def draw(
        self,
        distribution: BaseDistribution,
        good: Mapping[str, NDArray[Any]],
        rest: Mapping[str, NDArray[Any]],
    ) -> Any:
        """Draw a hyperparameter.

        Args:
            good: its name, and its values in good trials in Optuna's internal numbers, shape (n,).
            rest: the same of the other trials.
        """
        (name,) = good
        likely, unlikely = (
            _ParzenEstimator(dict(values), {name: distribution}, self._parzen_estimator_parameters)
            for values in (good, rest)
        )
        candidates = likely.sample(self._rng.rng, self._n_ei_candidates)
        values = self._compute_acquisition_func(candidates, likely, unlikely)
        return distribution.to_external_repr(self._compare(candidates, values)[name])
