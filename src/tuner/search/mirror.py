"""A study's trials in memory, at most a second ahead of the database.

Optuna reads the running trials from the database again at every ask and every pruning: 30 ms a
point with 8 of them, and more with more. Only one process writes a study, so that process knows
everything in it and need not read.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import InMemoryStorage

from tuner.errors import StoreError
from tuner.search.write_behind import WriteBehind
from tuner.unpromised.by_optuna import engine_of, row_of_study, row_of_trial, storage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, TrialState


class Mirror(InMemoryStorage):
    """One study of a database: read from memory, written to both.

    Use it only in the process that writes the study. States are written at once, together with
    everything before them; points and attributes of a running trial may be written a second later.
    A trial that was just asked for is only in memory until `write_new`.

    Raises:
        StoreError: a trial is missing; the trials after it would get other numbers and other seeds.
    """

    def __init__(self, study: optuna.Study) -> None:
        super().__init__()
        self._database = storage_of(study)
        self._database_study: int = row_of_study(study)
        self._behind = WriteBehind(engine_of(study), self._database_study)
        self._ids: list[int | None] = []  # in the database, by trial number; None: not written
        memory = super().create_new_study(study.directions, study.study_name)
        for name, value in study.user_attrs.items():
            super().set_study_user_attr(memory, name, value)
        for name, value in self._database.get_study_system_attrs(self._database_study).items():
            super().set_study_system_attr(memory, name, value)
        for position, trial in enumerate(study.get_trials(deepcopy=False)):
            if trial.number != position:
                raise StoreError(
                    f"study {study.study_name!r} has no trial {position} any more, but trial "
                    f"{trial.number}: a row was deleted from its database. It can still be "
                    "reported, and its models retrained, but not continued; start a new study with "
                    "--name, or bring the database back from a copy"
                )
            self._ids.append(row_of_trial(trial))
            super().create_new_trial(memory, trial)
        self.study = optuna.load_study(
            study_name=study.study_name, storage=self, pruner=study.pruner
        )

    def write_new(self) -> None:
        """Write the trials that were asked for since the last call, each with all it has."""
        for number, known in enumerate(self._ids):
            if known is None:
                self._behind.add_trial(
                    self.get_trial(number), partial(self._ids.__setitem__, number)
                )

    def flush(self) -> None:
        """Write all pending changes of trials to the database."""
        self._behind.flush()

    @property
    def _up_to_date(self) -> BaseStorage:
        """The database, after all pending changes are written."""
        self.flush()
        return self._database

    def _id_to_write(self, trial_id: int) -> int | None:
        """Return the trial's id in the database; None if it is not written yet.

        Raises:
            KeyError: there is no such trial.
            UpdateFinishedTrialError: it has ended, so it can no longer change.
        """
        self.check_trial_is_updatable(trial_id, self.get_trial(trial_id).state)
        return self._ids[trial_id]

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial; without a template it stays in memory until `write_new`."""
        known = None
        if template_trial is not None:
            self.write_new()  # so that both number the trials alike
            known = self._up_to_date.create_new_trial(self._database_study, template_trial)
        self._ids.append(known)
        return super().create_new_trial(study_id, template_trial)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a hyperparameter."""
        known = self._id_to_write(trial_id)
        is_new = param_name not in self.get_trial(trial_id).params
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        if known is not None and is_new:
            self._behind.add_parameter(known, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set the state of a trial and its final value."""
        known = self._id_to_write(trial_id)
        if known is None and state.is_finished():
            self.write_new()
            known = self._id_to_write(trial_id)
        if known is not None:
            self._up_to_date.set_trial_state_values(known, state, values)
        return super().set_trial_state_values(trial_id, state, values)

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set the value reported at a step."""
        if (known := self._id_to_write(trial_id)) is not None:
            if step in self.get_trial(trial_id).intermediate_values:
                self._up_to_date.set_trial_intermediate_value(known, step, intermediate_value)
            else:
                self._behind.add_point(known, step, intermediate_value)
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set an attribute of a trial; a resumed trial usually has it already."""
        read, present = _as_read(value), self.get_trial(trial_id).user_attrs
        if (known := self._id_to_write(trial_id)) is not None:
            if key not in present:
                self._behind.add_user_attr(known, key, value)
            elif present[key] != read:
                self._up_to_date.set_trial_user_attr(known, key, value)
        super().set_trial_user_attr(trial_id, key, read)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set an attribute of Optuna's own on a trial."""
        if (known := self._id_to_write(trial_id)) is not None:
            self._up_to_date.set_trial_system_attr(known, key, value)
        super().set_trial_system_attr(trial_id, key, _as_read(value))

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set an attribute of the study."""
        self._up_to_date.set_study_user_attr(self._database_study, key, value)
        super().set_study_user_attr(study_id, key, _as_read(value))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set an attribute of Optuna's own on the study."""
        self._up_to_date.set_study_system_attr(self._database_study, key, value)
        super().set_study_system_attr(study_id, key, _as_read(value))


def _as_read(value: Any) -> Any:
    """Return the value as the database returns it: a tuple becomes a list."""
    return json.loads(json.dumps(value))
