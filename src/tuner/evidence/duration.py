"""How long the confirmation after a search takes, told from the search; and times in words."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Trainings a seed for the test: of three arms, fewer where arms are the same trial, and more while
# the result is not clear.
FOR_THE_TEST = 3


def trainings_of(seeds: int, raced: int) -> int:
    """Return how many trainings a confirmation has, as far as it can be told before.

    Args:
        raced: of the race on fresh folds, at most.
    """
    return raced + FOR_THE_TEST * seeds if seeds else 0


def seconds_of(trainings: int, complete: Sequence[float], folds: int, slots: int) -> float:
    """Return the seconds that so many trainings take.

    Args:
        complete: seconds that complete trials took, for so many folds.
        folds: trained in a trial.
        slots: fits that run at once.
    """
    return trainings * fmean(complete) / folds / slots if complete else 0.0


def in_words(seconds: float) -> str:
    """Write seconds as they are typed: 45 s, 10 min, 1 h 30 min."""
    minutes, rest = divmod(max(round(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    fine = rest and not hours and minutes < 10
    pairs = ((hours, "h"), (minutes, "min"), (rest if fine else 0, "s"))
    return " ".join(f"{value} {unit}" for value, unit in pairs if value)
