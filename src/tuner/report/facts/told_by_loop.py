"""What a loop reported besides its scores: constraints, and files that several calls share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tuner.study.limits import broken_constraints
from tuner.study.schema import SHARED_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.trial import FrozenTrial


def broken_by(arms: Mapping[str, FrozenTrial]) -> dict[str, dict[str, float]]:
    """Return the constraints that arms break, by arm, with the values that the loop reported.

    Args:
        arms: their trials, by name.
    """
    return {name: broken for name, trial in arms.items() if (broken := broken_constraints(trial))}


def files_of_several(trials: Iterable[FrozenTrial]) -> list[str]:
    """Return the files that several trials have used at the same path."""
    used = Counter(name for trial in trials for name in trial.user_attrs.get(SHARED_FILES, ()))
    return [name for name, count in used.items() if count > 1]
