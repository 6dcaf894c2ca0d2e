"""What is best on fresh seeds and folds: a race in which losers are dropped early."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from tuner.case.metric import sign_of
from tuner.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tuner.evidence.comparison import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """How a race went.

    Attributes:
        winner: number of the trial.
        scores: validation by trial, one a round; None where a training diverged. A candidate that
            was dropped has fewer.
    """

    winner: int
    scores: dict[int, list[float | None]]


def race(
    candidates: Sequence[int],
    baseline: int,
    others: Sequence[int],
    rounds: int,
    direction: Direction,
    score: Callable[[Sequence[int], int], Sequence[float | None]],
    barred: Collection[int] = (),
) -> Race:
    """Score candidates, baseline and others round by round, on the same seed and fold each.

    The worst candidate is dropped at even distances, until one is left after the last round.
    Baseline and others run in every round, and win if they are ahead in the end, or not behind. The
    models of the rounds are chosen by their own validation scores, so none of them meets the test
    (see `finalists`).

    Args:
        score: trains these trials' configurations in this round; returns their validation scores.
        barred: of baseline and others, those that may not win.

    Raises:
        StudyError: every candidate, or the baseline, has diverged.
    """
    runners = list(candidates)
    scores: dict[int, list[float | None]] = {}
    worst_last = -sign_of(direction), math.inf

    def level(trial: int) -> float:
        sign, worst = worst_last
        known = [one for one in scores[trial] if one is not None]
        return sign * fmean(known) if len(known) == len(scores[trial]) else worst

    for done in range(1, rounds + 1):
        entered = list(dict.fromkeys((baseline, *others, *runners)))
        for trial, one in zip(entered, score(entered, done - 1), strict=True):
            scores.setdefault(trial, []).append(one)
        runners.sort(key=level)
        keep = max(1, len(candidates) - done * len(candidates) // rounds)
        runners = [trial for trial in runners if math.isfinite(level(trial))][:keep]
        if not runners or not math.isfinite(level(baseline)):
            raise StudyError(
                f"{'the baseline' if runners else 'every candidate'} diverged on fresh seeds, so "
                "there is nothing to compare; continue the search (a larger --trials)"
            )
    able = [one for one in (baseline, *others, runners[0]) if one not in barred]
    winner = min(able, key=level)  # of equal ones the first
    return Race(winner=winner, scores=scores)
