"""Predicts from a search how long its confirmation takes; and writes durations in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from tuner.study.arms import candidates_among
from tuner.study.design import Design, folds_trained
from tuner.study.durations import seconds_on
from tuner.study.schema import ARM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial


class Expected(NamedTuple):
    """The trainings of a confirmation.

    Attributes:
        trainings: number of them.
        seconds: duration of all of them on one slot.
    """

    trainings: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """The duration of one training of each kind in a confirmation, in seconds on one slot.

    Attributes:
        fixed: baseline and recipe.
        best: the arm that is tested with them; None if it is one of them.
        raced: the other candidates, the best first.
        design: of the study, with its race.
    """

    fixed: Sequence[float]
    best: float | None
    raced: Sequence[float]
    design: Design

    def confirmation(self, rounds: int, models: int) -> Expected:
        """Return the trainings of a confirmation.

        Args:
            rounds: the most that the race has.
            models: models per arm to test; 0 if nothing is confirmed.
        """
        if not models:
            return Expected(0, 0.0)
        race = self.design.race_of(self.design.candidates, rounds)
        tested = [*self.fixed, *([] if self.best is None else [self.best])]
        trained = [*(self.raced[:places] for places in race.entered)]
        trained += [self.fixed] * race.arms + [tested] * models
        return Expected(sum(map(len, trained)), math.fsum(map(math.fsum, trained)))


def lengths_of(
    complete: Sequence[FrozenTrial],
    facts: Mapping[str, Any],
    sign: int,
    *,
    coming: Sequence[float] = (),
    more: int = 0,
) -> Lengths | None:
    """Return how long trainings of a confirmation take, as far as the search shows.

    Baseline, recipe and best are expected to take as long as in the search. Baseline and recipe may
    take far longer than the others.

    Args:
        complete: trials of the search, by number.
        facts: of the study.
        sign: 1 if a higher score is better, -1 if a lower one is.
        coming: durations in seconds of trials that have not ended and may become the best.
        more: number of further trials that may become candidates; they take the average.

    Returns:
        None if no trial is complete: nothing is known.
    """
    if not complete:
        return None
    design, folds = Design.of(facts), folds_trained(facts, arm=False)
    taken = {trial.number: seconds_on(folds, trial, facts) / folds for trial in complete}
    mean, coming = fmean(taken.values()), [one / folds for one in coming]
    candidates = candidates_among(complete, sign, design)
    raced = [taken[one.number] for one in candidates if ARM not in one.user_attrs]
    arms = {t.user_attrs[ARM]: taken[t.number] for t in complete if ARM in t.user_attrs}
    planned = ["baseline", *(["recipe"] if facts.get("recipe", True) else [])]
    likely = [*coming, *([mean] if more else []), *raced[:1]]
    is_arm = bool(candidates) and ARM in candidates[0].user_attrs
    return Lengths(
        fixed=[arms.get(name, mean) for name in planned],
        best=max(likely, default=None) if coming or more or not is_arm else None,
        raced=[*coming, *raced, *[mean] * min(more, design.candidates)],
        design=design,
    )


def duration_in_words(seconds: float) -> str:
    """Write seconds in the notation of options: 45 s, 10 min, 1 h 30 min."""
    minutes, rest = divmod(max(round(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    fine = rest and not hours and minutes < 10
    pairs = ((hours, "h"), (minutes, "min"), (rest if fine else 0, "s"))
    return " ".join(f"{value} {unit}" for value, unit in pairs if value)
