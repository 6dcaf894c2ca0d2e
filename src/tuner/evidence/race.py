"""What is best on fresh seeds and folds: a race in which losers are dropped early."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from scipy.stats import ttest_1samp

from tuner.case.metric import sign_of
from tuner.errors import StudyError
from tuner.evidence.comparison import FEWEST_TO_PROVE, are_equal, paired_gains

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tuner.evidence.comparison import Direction

MOST_FOR_FEWEST = 4
PLAIN = 0.001  # p-value of a paired t-test


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """How a race went.

    Attributes:
        winner: number of the trial.
        rounds: that were run; as many seeds are taken for the test.
        scores: validation by trial, one a round; None where a training diverged. A candidate that
            was dropped has fewer.
    """

    winner: int
    rounds: int
    scores: dict[int, list[float | None]]


def most_rounds(fewest: int) -> int:
    """Return how many rounds there are at most: no more than asked for, if these prove nothing."""
    return fewest * MOST_FOR_FEWEST if fewest >= FEWEST_TO_PROVE else fewest


def race(
    candidates: Sequence[int],
    baseline: int,
    others: Sequence[int],
    fewest: int,
    direction: Direction,
    score: Callable[[Sequence[int], int], Sequence[float | None]],
) -> Race:
    """Score candidates, baseline and others round by round, on the same seed and fold each.

    The worst candidate is dropped at even distances, until one is left after `fewest` rounds. There
    are more rounds, up to four times as many, while its gain over the baseline is not plain.
    Baseline and others run in every round, and win if they are ahead in the end, or not behind. All
    that is decided on validation rows, so what the test split then says is not bent by it.

    Args:
        score: trains these trials' configurations in this round; returns their validation scores.

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

    for rounds in range(1, most_rounds(fewest) + 1):
        entered = list(dict.fromkeys((baseline, *others, *runners)))
        for trial, one in zip(entered, score(entered, rounds - 1), strict=True):
            scores.setdefault(trial, []).append(one)
        runners.sort(key=level)
        keep = max(1, len(candidates) - rounds * len(candidates) // fewest)
        runners = [trial for trial in runners if math.isfinite(level(trial))][:keep]
        if not runners or not math.isfinite(level(baseline)):
            raise StudyError(
                f"{'the baseline' if runners else 'every candidate'} diverged on fresh seeds, so "
                "there is nothing to compare; go on with the search (a larger --trials)"
            )
        if rounds >= fewest and _is_plain(scores[baseline], scores[runners[0]], direction):
            break
    winner = min((baseline, *others, runners[0]), key=level)  # of equal ones the first
    return Race(winner=winner, rounds=rounds, scores=scores)


def _is_plain(
    baseline: Sequence[float | None], winner: Sequence[float | None], direction: Direction
) -> bool:
    """Whether more rounds would hardly change who is better.

    Much stricter than a verdict: stopping at 0.05 would stop at lucky rounds, too early for the
    test seeds to show a gain of one standard deviation (measured in the tests of the verdicts).
    """
    gains = paired_gains(baseline, winner, direction)
    if are_equal(gains):
        return True
    return len(gains) >= FEWEST_TO_PROVE and float(ttest_1samp(gains, 0).pvalue) < PLAIN
