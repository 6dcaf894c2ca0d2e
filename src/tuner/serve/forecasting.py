"""What a study costs: how long it takes in all, as far as its trials tell, corrected as it runs."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.commands.forecast import Forecast
from tuner.language import Message, said
from tuner.study.design import Design, folds_trained
from tuner.study.schema import ARM, SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

MINUTE, HOUR = 60, 3600
SEEDS = 4  # models an arm at the first of two looks, where nobody asks for another number


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
    times = [_seconds(one, facts) for one in finished if one.user_attrs.get(SECONDS)]
    if not times:
        return None
    complete = [
        _seconds(one, facts)
        for one in finished
        if one.state == TrialState.COMPLETE and one.user_attrs.get(SECONDS)
    ]
    forecast = Forecast(
        total=total,
        done_before=0,
        seeds=seeds,
        raced=Design.of(facts).trainings_of_race(seeds),
        slots=max(slots, 1),
        folds=folds_trained(facts, arm=False),
        began=0.0,
        complete=complete,
    )
    search = fmean(times) * max(total - len(finished), 0) / max(slots, 1)
    return search + forecast.confirmation()


def _seconds(trial: FrozenTrial, facts: Mapping[str, Any]) -> float:
    """Return what a trial took, or would have taken on as many folds as the search trains."""
    trained = folds_trained(facts, arm=ARM in trial.user_attrs)
    seconds: float = trial.user_attrs[SECONDS]
    return seconds / trained * folds_trained(facts, arm=False)


def in_words(seconds: float) -> Message:
    """Write a time for people, as exact as an estimate is."""
    if seconds < 2 * MINUTE:
        return said("{count} s", count=max(round(seconds), 1))
    if seconds < 2 * HOUR:
        return said("{count} min", count=round(seconds / MINUTE))
    return said("{count:.1f} h", count=seconds / HOUR)
