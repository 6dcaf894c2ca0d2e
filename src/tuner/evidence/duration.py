"""How long what follows a search takes, told from the search: the confirmation and the audit."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Trainings a seed: up to three candidates, baseline and recipe on fresh folds, then three arms for
# the test. Fewer are trained where arms are the same trial, more while the result is not clear.
ON_FRESH_FOLDS, FOR_THE_TEST = 5, 3


def trainings_of(seeds: int) -> int:
    """Return how many trainings a confirmation has, as far as it can be told before."""
    return (ON_FRESH_FOLDS + FOR_THE_TEST) * seeds


def seconds_of_confirmation(complete: Sequence[float], seeds: int, folds: int, slots: int) -> float:
    """Return the seconds that a confirmation takes.

    Args:
        complete: seconds that complete trials took.
        folds: trained in a trial.
        slots: fits that run at once.
    """
    if not complete:
        return 0.0
    return trainings_of(seeds) * fmean(complete) / folds / slots
