"""Writes changes of running trials to the database: many rows in one transaction.

Optuna's own storage uses a transaction for every value, and a query or two before it to see whether
the value already exists: two milliseconds a point, and twenty for a new trial. A single writer
knows what the table holds. The rows go into Optuna's own tables.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from optuna.distributions import distribution_to_json
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tuner.interrupts import held_back
from tuner.study.database.presence import name_of, refuse_if_gone
from tuner.unpromised.by_optuna import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial
    from sqlalchemy import Engine

SECONDS_BEHIND = 1.0
Rows: TypeAlias = dict[type[models.BaseModel], list[dict[str, Any]]]


class WriteBehind:
    """Rows that are not in the database yet, in the order in which they came.

    If the process dies, only the latest rows are lost, never some in between.

    Args:
        engine: of the database.
        study_id: id of the study in it.
    """

    def __init__(self, engine: Engine, study_id: int) -> None:
        self.engine, self.study_id = engine, study_id
        # SQLite writes at once, or waits for its lock in a way that Ctrl-C can interrupt. A server
        # may hang: there Ctrl-C is held back only during the commit.
        self._whole = held_back if engine.dialect.name == "sqlite" else nullcontext
        with self._whole(), Session(engine) as session:
            self._name = name_of(session, study_id)
        self._rows: Rows = defaultdict(list)
        self._oldest = time.monotonic()

    def add_trial(self, trial: FrozenTrial, note: Callable[[int], object]) -> None:
        """Write a running trial with all it has, and all pending rows.

        Args:
            note: is called with its id in the database, as soon as it is there.
        """
        with self._writing() as session:
            added = models.TrialModel(
                study_id=self.study_id,
                number=trial.number,
                state=trial.state,
                datetime_start=trial.datetime_start,
            )
            session.add(added)
            session.flush()
            known = int(added.trial_id)
            _insert(session, self._rows)
            _insert(session, _rows_of(known, trial))
            refuse_if_gone(session, self.study_id, self._name)
            # Ctrl-C must not come between the commit and `note`: rows would be written twice.
            with held_back():
                session.commit()
                self._rows.clear()
                note(known)

    def add_point(self, trial_id: int, step: int, value: float) -> None:
        """Write a value that is new at its step, within a second."""
        self._note(models.TrialIntermediateValueModel, _point(trial_id, step, value))

    def add_parameter(
        self, trial_id: int, name: str, value: float, distribution: BaseDistribution
    ) -> None:
        """Write a hyperparameter that the trial has not had yet, within a second.

        Args:
            value: Optuna's internal number.
        """
        self._note(models.TrialParamModel, _parameter(trial_id, name, value, distribution))

    def add_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write an attribute that the trial has not had yet, within a second."""
        self._note(models.TrialUserAttributeModel, _attribute(trial_id, key, value))

    def flush(self) -> None:
        """Write the pending rows."""
        if self._rows:
            with self._writing() as session:
                _insert(session, self._rows)
                refuse_if_gone(session, self.study_id, self._name)
                with held_back():
                    session.commit()
                    self._rows.clear()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """Yield a transaction; if a server refuses rows of a deleted study, say so."""
        with self._whole(), Session(self.engine) as session:
            try:
                yield session
            except IntegrityError:
                session.rollback()
                refuse_if_gone(session, self.study_id, self._name)
                raise

    def _note(self, model: type[models.BaseModel], row: dict[str, Any]) -> None:
        now = time.monotonic()
        if not self._rows:
            self._oldest = now
        self._rows[model].append(row)
        if now - self._oldest > SECONDS_BEHIND:
            self.flush()


def _insert(session: Session, rows: Rows) -> None:
    for model, own in rows.items():
        session.execute(insert(model), own)


def _rows_of(trial_id: int, trial: FrozenTrial) -> Rows:
    parameters = [
        _parameter(trial_id, name, distribution.to_internal_repr(trial.params[name]), distribution)
        for name, distribution in trial.distributions.items()
    ]
    rows = {
        models.TrialParamModel: parameters,
        models.TrialUserAttributeModel: [
            _attribute(trial_id, *item) for item in trial.user_attrs.items()
        ],
        models.TrialSystemAttributeModel: [
            _attribute(trial_id, *item) for item in trial.system_attrs.items()
        ],
        models.TrialIntermediateValueModel: [
            _point(trial_id, *item) for item in trial.intermediate_values.items()
        ],
    }
    return {model: own for model, own in rows.items() if own}


def _parameter(
    trial_id: int, name: str, value: float, distribution: BaseDistribution
) -> dict[str, Any]:
    return {
        "trial_id": trial_id,
        "param_name": name,
        "param_value": value,
        "distribution_json": distribution_to_json(distribution),
    }


def _attribute(trial_id: int, key: str, value: Any) -> dict[str, Any]:
    return {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}


def _point(trial_id: int, step: int, value: float) -> dict[str, Any]:
    # Infinity and NaN have types of their own there.
    number, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
    return {
        "trial_id": trial_id,
        "step": step,
        "intermediate_value": number,
        "intermediate_value_type": kind,
    }
