"""Writes the trials of a study as a CSV table, one row per trial."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from tuner.study.schema import (
    ARM,
    BEST_EPOCH,
    CURVE,
    FAILURE,
    GUESS,
    HYPERPARAMETERS,
    SECONDS,
    SEED,
    WORK,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def trials_csv(trials: Sequence[FrozenTrial]) -> str:
    """Return the table: how each trial went, and one column per hyperparameter (`hp.NAME`).

    `value` is the score of a complete trial; `last` is the last reported score of any trial.
    """
    names = sorted({name for trial in trials for name in _hyperparameters(trial)})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fixed = ("trial", "state", "arm", "value", "last", "best_epoch", "epochs", "seconds", "work")
    writer.writerow([*fixed, "seed", "failure", *(f"hp.{name}" for name in names)])
    for trial in trials:
        facts = trial.user_attrs
        last = (facts.get(CURVE) or [[None] * 5])[-1]
        hyperparameters = _hyperparameters(trial)
        writer.writerow(
            [
                trial.number,
                STATES.get(trial.state.name, "unfinished"),
                facts.get(ARM) or ("guess" if GUESS in facts else None),
                trial.values[0] if trial.values else None,
                last[4],
                facts.get(BEST_EPOCH),
                last[1],
                facts.get(SECONDS),
                facts.get(WORK),
                facts.get(SEED),
                facts.get(FAILURE),
                *(hyperparameters.get(name) for name in names),
            ]
        )
    return text.getvalue()


def _hyperparameters(trial: FrozenTrial) -> Mapping[str, Any]:
    """Return the trained hyperparameters; for a trial from outside tuner, the drawn ones."""
    found: Mapping[str, Any] = trial.user_attrs.get(HYPERPARAMETERS, trial.params)
    return found
