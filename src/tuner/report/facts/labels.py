"""The diagnoses: what is wrong with each arm."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuner.evidence.trials.diagnosis import advice, diagnose, meaning
from tuner.evidence.trials.signs import curve_of
from tuner.study.schema import HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def diagnoses(arms: Mapping[str, FrozenTrial], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the diagnosis of each arm, with the study's best validation score as the reference.

    Args:
        made: the settings that the study was made with.
    """
    reference = arms["best"].value if "best" in arms else None
    found = {}
    for name, trial in arms.items():
        curve = curve_of(trial, made)
        if curve is None:
            continue
        one = diagnose(curve, reference)
        hyperparameters = trial.user_attrs.get(HYPERPARAMETERS, {})
        against_best = one.signs is not None and one.signs.reference is not None
        found[name] = {
            "label": one.label,
            "meaning": meaning(one.label, against_best=against_best),
            "signs": one.signs and asdict(one.signs),
            "try_first": advice(one.label, hyperparameters),
        }
    return found
