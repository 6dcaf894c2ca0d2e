"""How long the confirmation after a search takes, told from the search; and times in words."""

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
    """What a confirmation trains.

    Attributes:
        trainings: how many.
        seconds: that they take on one slot.
    """

    trainings: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long one training of each takes that a confirmation trains, in seconds on one slot.

    Attributes:
        fixed: baseline and recipe.
        best: what meets the test with them; None: it is one of them.
        raced: candidates that are neither, the best first.
        design: of the study: what its race is like.
    """

    fixed: Sequence[float]
    best: float | None
    raced: Sequence[float]
    design: Design

    def confirmation(self, rounds: int, models: int) -> Expected:
        """Return what a confirmation trains.

        Args:
            rounds: of the race at most.
            models: an arm, that meet the test; 0: nothing is confirmed.
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
    """Return how long trainings of a confirmation take, as far as the search tells.

    Baseline and recipe take what they took in the search, which may be far more than the others do,
    and so does the best.

    Args:
        complete: trials of the search, by number.
        facts: of the study.
        sign: 1 where more of the score is better, -1 where less is.
        coming: seconds that trials take which have not ended and may be the best.
        more: further trials that may be candidates; they take the average.

    Returns:
        None where no trial is complete: nothing is known.
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
    """Write seconds as they are typed: 45 s, 10 min, 1 h 30 min."""
    minutes, rest = divmod(max(round(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    fine = rest and not hours and minutes < 10
    pairs = ((hours, "h"), (minutes, "min"), (rest if fine else 0, "s"))
    return " ".join(f"{value} {unit}" for value, unit in pairs if value)
