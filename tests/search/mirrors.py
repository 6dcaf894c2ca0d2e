"""One mirror per study, so that Optuna's contract tests of storages can run on mirrors.

A `Mirror` has one study, and numbers its trials from the same id as any other mirror. Optuna's
tests create several studies in one storage. Here each study has its own mirror of one database, and
ids are distinguished by their offset. Everything tested is the mirrors' own code.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import BaseStorage

from tuner.search.mirror import Mirror
from tuner.study.database.storage import open_storage
from tuner.study.trials import FINISHED

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import StudyDirection
    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial, TrialState

IDS = 100_000  # per study


class Mirrors(BaseStorage):
    """A storage with one database, and one mirror per study."""

    def __init__(self, url: str) -> None:
        self.database = open_storage(url, create=True)
        self.mirrors: dict[int, Mirror] = {}

    def _mirror(self, trial_id: int) -> tuple[Mirror, int]:
        study_id, local = divmod(trial_id, IDS)
        return self.mirrors[study_id], local

    def _outside(self, study_id: int, trial: FrozenTrial) -> FrozenTrial:
        trial = copy(trial)
        trial._trial_id += study_id * IDS
        return trial

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        study_id = self.database.create_new_study(directions, study_name)
        name = self.database.get_study_name_from_id(study_id)
        self.mirrors[study_id] = Mirror(optuna.load_study(study_name=name, storage=self.database))
        return study_id

    def delete_study(self, study_id: int) -> None:
        self.database.delete_study(study_id)
        del self.mirrors[study_id]

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self.mirrors[study_id].set_study_user_attr(0, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self.mirrors[study_id].set_study_system_attr(0, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        return self.database.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self.mirrors[study_id].get_study_name_from_id(0)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self.mirrors[study_id].get_study_directions(0)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self.mirrors[study_id].get_study_user_attrs(0)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self.mirrors[study_id].get_study_system_attrs(0)

    def get_all_studies(self) -> list[FrozenStudy]:
        studies = []
        for study_id, mirror in self.mirrors.items():
            (study,) = mirror.get_all_studies()
            study._study_id = study_id
            studies.append(study)
        return studies

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        return study_id * IDS + self.mirrors[study_id].create_new_trial(0, template_trial)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        mirror, local = self._mirror(trial_id)
        mirror.set_trial_param(local, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        mirror, local = self._mirror(trial_id)
        return mirror.set_trial_state_values(local, state, values)

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        mirror, local = self._mirror(trial_id)
        mirror.set_trial_intermediate_value(local, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        mirror, local = self._mirror(trial_id)
        mirror.set_trial_user_attr(local, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        mirror, local = self._mirror(trial_id)
        mirror.set_trial_system_attr(local, key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        mirror, local = self._mirror(trial_id)
        return self._outside(trial_id // IDS, mirror.get_trial(local))

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        found = self.mirrors[study_id].get_all_trials(0, deepcopy, states)
        return [self._outside(study_id, trial) for trial in found]

    def check_that_all_is_written(self) -> None:
        """Compare memory with the database, after all pending writes."""
        for study_id, mirror in self.mirrors.items():
            mirror.write_new()
            mirror.flush()
            pairs = zip(
                mirror.get_all_trials(0), self.database.get_all_trials(study_id), strict=True
            )
            for here, there in pairs:
                assert _plain(here) == _plain(there), f"{_plain(here)} {_plain(there)}"
            for name in ("user", "system"):
                here_attrs = getattr(mirror, f"get_study_{name}_attrs")(0)
                assert here_attrs == getattr(self.database, f"get_study_{name}_attrs")(study_id)


def _plain(trial: FrozenTrial) -> str:
    """Return everything of a trial except its id and times, which differ."""
    kept = dict(vars(trial))
    for name in ("_trial_id", "datetime_complete", "_datetime_start"):
        kept.pop(name)
    kept["is dated"] = trial.datetime_start is not None, trial.state in FINISHED
    return repr(_sorted(kept))  # in which nan equals nan


def _sorted(value: Any) -> Any:
    """Return a value with sorted keys, and integers as floats, as some columns store them."""
    if isinstance(value, dict):
        return sorted((repr(key), _sorted(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return repr(float(value)) if type(value) is int else repr(value)
