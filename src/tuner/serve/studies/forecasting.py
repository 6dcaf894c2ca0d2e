"""Predicts how long a study takes in all, from its trials so far."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from tuner.case.metric import metric_of
from tuner.evidence.duration import lengths_of
from tuner.evidence.rounds.race import ROUNDS
from tuner.language import Message, said
from tuner.study.design import folds_trained
from tuner.study.durations import seconds_on
from tuner.study.schema import SECONDS
from tuner.study.trials import ended_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

MINUTE, HOUR = 60, 3600
AT_FIRST = 4  # models per arm at the first of two looks, on rows that were not tested before


def seconds_left(
    trials: Sequence[FrozenTrial],
    facts: Mapping[str, Any],
    *,
    total: int,
    seeds: int | None,
    slots: int,
) -> float | None:
    """Return the remaining seconds of a search and its confirmation; None if unknown.

    Args:
        trials: of the study, so far.
        facts: of the study.
        total: number of finished trials that it ends with.
        seeds: models per arm; None for two looks, of which the first is counted.
        slots: trainings that run at once.
    """
    finished = ended_of(trials)
    folds = folds_trained(facts, arm=False)
    timed = [one for one in finished if one.user_attrs.get(SECONDS)]
    times = [seconds_on(folds, one, facts) for one in timed]
    if not times:
        return None
    complete = [one for one in timed if one.state == TrialState.COMPLETE]
    more = max(total - len(finished), 0)
    rounds, models = (ROUNDS, AT_FIRST) if seeds is None else (seeds, seeds)
    sign = metric_of(facts).sign
    lengths = lengths_of(complete, facts, sign, more=more)
    confirmation = 0.0 if lengths is None else lengths.confirmation(rounds, models).seconds
    return (fmean(times) * more + confirmation) / max(slots, 1)


def forecast_in_words(seconds: float) -> Message:
    """Return a duration in words, as precise as an estimate is."""
    if seconds < 2 * MINUTE:
        return said("{count} s", count=max(round(seconds), 1))
    if seconds < 2 * HOUR:
        return said("{count} min", count=round(seconds / MINUTE))
    return said("{count:.1f} h", count=seconds / HOUR)
