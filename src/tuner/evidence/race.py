"""What is best on fresh seeds and folds: a race in which losers are dropped early."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from tuner.case.metric import sign_of
from tuner.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tuner.evidence.comparison import Direction
    from tuner.study import design

    Scores = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """How a race went.

    Attributes:
        winner: number of the trial.
        scores: validation by trial, one a round; None where a training diverged. A candidate that
            was dropped has fewer, and so have baseline and recipe where the last rounds were
            without them.
    """

    winner: int
    scores: dict[int, list[float | None]]


@dataclass(slots=True)
class _Standing:
    """The scores so far, and who is ahead by them. Less is better of a level.

    Attributes:
        searched: of candidates, their folds in the search, where these count.
    """

    direction: Direction
    searched: Mapping[int, Sequence[float]]
    scores: dict[int, list[float | None]] = field(default_factory=dict)

    def level(self, trial: int) -> float:
        """Return what a candidate is worth, on all folds that count."""
        return self._mean([*self.searched.get(trial, ()), *self.scores[trial]])

    def fresh(self, trial: int, rounds: int) -> float:
        """Return what a trial is worth in the first rounds, on fresh folds alone."""
        return self._mean(self.scores[trial][:rounds])

    def _mean(self, scores: Scores) -> float:
        known = [one for one in scores if one is not None]
        return -sign_of(self.direction) * fmean(known) if len(known) == len(scores) else math.inf


def race(
    candidates: Sequence[int],
    baseline: int,
    others: Sequence[int],
    rules: design.Race,
    direction: Direction,
    score: Callable[[Sequence[int], int], Scores],
    *,
    barred: Collection[int] = (),
    searched: Mapping[int, Sequence[float]] | None = None,
) -> Race:
    """Score candidates, baseline and others round by round, on the same seed and fold each.

    After each round the worst candidates are dropped, as `rules` say, until one is left. It is then
    compared with baseline and others, on the rounds that all of them were in: those win if they are
    ahead, or not behind. The folds of the search take no part in that: the candidates were the best
    of many there, and baseline and others were not chosen by them. The models of the rounds are
    chosen by their own validation scores, so none of them meets the test (see `finalists`).

    Args:
        score: trains these trials' configurations in this round; returns their validation scores.
        barred: of baseline and others, those that may not win.
        searched: scores of candidates on the folds of the search, with which they are ranked; None:
            by their fresh scores alone.

    Raises:
        StudyError: every candidate, or the baseline, has diverged.
    """
    runners, standing = list(candidates), _Standing(direction, searched or {})
    for index, places in enumerate(rules.entered):
        runners = runners[:places]
        arms = (baseline, *others) if index < rules.arms else ()
        entered = list(dict.fromkeys((*arms, *runners)))
        for trial, one in zip(entered, score(entered, index), strict=True):
            standing.scores.setdefault(trial, []).append(one)
        runners.sort(key=standing.level)
        runners = [trial for trial in runners if math.isfinite(standing.level(trial))]
        if not runners or not math.isfinite(standing.level(baseline)):
            raise StudyError(
                f"{'the baseline' if runners else 'every candidate'} diverged on fresh seeds, so "
                "there is nothing to compare; continue the search (a larger --trials)"
            )
    able = [one for one in (baseline, *others, runners[0]) if one not in barred]
    common = min(len(standing.scores[one]) for one in able)
    winner = min(able, key=lambda trial: standing.fresh(trial, common))  # of equal ones the first
    return Race(winner=winner, scores=standing.scores)
