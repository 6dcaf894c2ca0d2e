"""What a study costs: how long it takes in all, as far as its trials tell, corrected as it runs."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.commands.forecast import Forecast
from tuner.study.schema import SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

MINUTE, HOUR = 60, 3600


def seconds_left(
    trials: Sequence[FrozenTrial],
    facts: Mapping[str, Any],
    *,
    total: int,
    seeds: int,
    slots: int,
) -> float | None:
    """Return the seconds that a search and its confirmation still take; None: nothing is known.

    Args:
        trials: of the study, so far.
        facts: of the study.
        total: finished trials that it ends with.
        slots: trainings that run at once.
    """
    finished = [one for one in trials if one.state.is_finished()]
    times = [one.user_attrs[SECONDS] for one in finished if one.user_attrs.get(SECONDS)]
    if not times:
        return None
    complete = [
        one.user_attrs[SECONDS]
        for one in finished
        if one.state == TrialState.COMPLETE and one.user_attrs.get(SECONDS)
    ]
    folds = facts["data"]["sizes"].get("folds") or 1
    forecast = Forecast(total, 0, seeds, max(slots, 1), folds, 0.0, complete)
    search = fmean(times) * max(total - len(finished), 0) / max(slots, 1)
    return search + forecast.confirmation()


def in_words(seconds: float) -> str:
    """Write a time for people, as exact as an estimate is."""
    if seconds < 2 * MINUTE:
        return f"{max(round(seconds), 1)} s"
    if seconds < 2 * HOUR:
        return f"{round(seconds / MINUTE)} min"
    return f"{seconds / HOUR:.1f} h"
