"""How long the confirmation after a search takes, told from the search; and times in words."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from tuner.study.arms import arms_among, candidates_among
from tuner.study.design import Design, folds_trained
from tuner.study.durations import seconds_on
from tuner.study.schema import ARM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial


class Expected(NamedTuple):
    """What a confirmation trains.

    Attributes:
        trainings: how many; fewer where baseline or recipe is the best.
        seconds: that they take on one slot.
    """

    trainings: int
    seconds: float


NOTHING = Expected(0, 0.0)


def expected_confirmation(
    complete: Sequence[FrozenTrial],
    facts: Mapping[str, Any],
    sign: int,
    *,
    rounds: int,
    models: int,
    coming: Sequence[float] = (),
    more: int = 0,
) -> Expected:
    """Return what a confirmation with so many models an arm trains, as far as trials tell.

    Baseline and recipe take what they took in the search, which may be far more than the others do,
    and so does the best.

    Args:
        complete: trials of the search, by number; without one nothing is known.
        facts: of the study.
        sign: 1 where more of the score is better, -1 where less is.
        rounds: of the race at most.
        models: an arm, that meet the test; 0: nothing is confirmed.
        coming: seconds that trials take which have not ended and may be the best.
        more: further trials that may be candidates; they take the average.
    """
    if not models or not complete:
        return NOTHING
    design, folds = Design.of(facts), folds_trained(facts, arm=False)
    taken = {trial.number: seconds_on(folds, trial, facts) for trial in complete}
    mean = fmean(taken.values())
    arms = arms_among(complete, None, sign, design)
    lengths = {name: taken[trial.number] for name, trial in arms.items()}
    fixed = lengths.get("baseline", mean) + lengths.get("recipe", mean)
    tested = fixed + max(mean, lengths.get("best", mean), *coming)
    candidates = candidates_among(complete, sign, design)
    known = [taken[one.number] for one in candidates if ARM not in one.user_attrs]
    raced = [*coming, *known, *[mean] * min(more, design.candidates)]
    race = design.race_of(design.candidates, rounds)
    entered = [raced[:places] for places in race.entered]
    seconds = math.fsum(map(math.fsum, entered)) + race.arms * fixed + models * tested
    return Expected(sum(map(len, entered)) + 2 * race.arms + 3 * models, seconds / folds)


def in_words(seconds: float) -> str:
    """Write seconds as they are typed: 45 s, 10 min, 1 h 30 min."""
    minutes, rest = divmod(max(round(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    fine = rest and not hours and minutes < 10
    pairs = ((hours, "h"), (minutes, "min"), (rest if fine else 0, "s"))
    return " ".join(f"{value} {unit}" for value, unit in pairs if value)
