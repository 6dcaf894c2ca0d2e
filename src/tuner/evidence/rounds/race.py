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

    from tuner.evidence.statistics.comparison import Direction
    from tuner.study.design import RaceRules

    Scores = Sequence[float | None]
    Scoring = Callable[[Sequence[int], int], Scores]

NO_CANDIDATE = (
    "every candidate came to no score on fresh seeds, so there is nothing to compare; continue the "
    "search (a larger --trials)"
)
NO_BASELINE = (
    "the baseline came to no score in any round on fresh seeds, so there is nothing to compare the "
    "best with. Start a new study with a baseline that trains, for example with a smaller learning "
    "rate"
)
ROUNDS = 6  # of a race, where nobody asks for another number of seeds
AT_ONCE = 2  # rounds: a candidate that diverges in the first has trained the second in vain


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """How a race went.

    Attributes:
        winner: number of the trial.
        scores: validation by trial, one a round; None where a training diverged. A candidate that
            was dropped has fewer, and so have baseline and recipe where the last rounds were
            without them.
        ranked_by: what they were ranked by in place of these scores, by trial and round; None:
            these scores.
    """

    winner: int
    scores: dict[int, list[float | None]]
    ranked_by: dict[int, list[float | None]] | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """What trials are ranked by where that is not their scores.

    Attributes:
        scoring: gives it for these trials in this round, once they have been scored.
    """

    direction: Direction
    scoring: Scoring


@dataclass(frozen=True, slots=True)
class Coming:
    """What a race trains from a round on, unless a training diverges: trials, each with its round.

    Attributes:
        now: this round, and the next one where nobody is to be dropped before it.
        later: baseline and others in the rounds after these.
        until: the first of the rounds after these.
    """

    now: Sequence[tuple[int, int]]
    later: Sequence[tuple[int, int]]
    until: int

    @classmethod
    def of(
        cls, index: int, rules: RaceRules, runners: Sequence[int], arms: Sequence[int]
    ) -> Coming:
        """Return it for a round that these candidates run.

        Args:
            arms: baseline and others, which run as many rounds as the rules say.
        """
        following = range(index, min(index + AT_ONCE, len(rules.entered)))
        dropping = (one for one in following if rules.entered[one] < len(runners))
        until = next(dropping, following.stop)
        now = [
            (trial, one)
            for one in range(index, until)
            for trial in _entered(one, rules, runners, arms)
        ]
        return cls(now, [(arm, one) for one in range(until, rules.arms) for arm in arms], until)


def _entered(
    index: int, rules: RaceRules, runners: Sequence[int], arms: Sequence[int]
) -> list[int]:
    """Return the trials of a round, each once."""
    return list(dict.fromkeys((*(arms if index < rules.arms else ()), *runners)))


@dataclass(slots=True)
class _Standings:
    """What all trials have scored so far, and who is ahead.

    Attributes:
        direction: of what they are ranked by.
        searched: of candidates, their folds in the search, where these count.
        scores: by trial, one a round that counts.
        ranked_by: what they are ranked by, the same way.
    """

    direction: Direction
    searched: Mapping[int, Sequence[float]]
    scores: dict[int, list[float | None]] = field(default_factory=dict)
    ranked_by: dict[int, list[float | None]] = field(default_factory=dict)

    def add(self, trials: Sequence[int], scores: Scores, ranked_by: Scores) -> None:
        """Add what trials have scored in a round."""
        for trial, score, rank in zip(trials, scores, ranked_by, strict=True):
            self.scores.setdefault(trial, []).append(score)
            self.ranked_by.setdefault(trial, []).append(rank)

    def left_of(self, runners: Sequence[int]) -> list[int]:
        """Return the candidates that have not diverged, the best first, on all folds that count."""
        losses = {
            trial: self._loss([*self.searched.get(trial, ()), *self.ranked_by[trial]])
            for trial in runners
        }
        return [
            one for one in sorted(runners, key=losses.__getitem__) if math.isfinite(losses[one])
        ]

    def ahead(self, trials: Sequence[int]) -> int:
        """Return who did best on the fresh folds that all were on; of equal ones the first."""
        common = min(len(self.ranked_by[trial]) for trial in trials)
        return min(trials, key=lambda trial: self._loss(self.ranked_by[trial][:common]))

    def _loss(self, scores: Scores) -> float:
        """Return the mean of scores, turned so that less is better; infinite if one is missing."""
        known = [one for one in scores if one is not None]
        return -sign_of(self.direction) * fmean(known) if len(known) == len(scores) else math.inf


def race(
    candidates: Sequence[int],
    baseline: int,
    others: Sequence[int],
    rules: RaceRules,
    direction: Direction,
    score: Scoring,
    *,
    ahead: Callable[[Coming], None] | None = None,
    barred: Collection[int] = (),
    searched: Mapping[int, Sequence[float]] | None = None,
    ranking: Ranking | None = None,
) -> Race:
    """Score candidates, baseline and others round by round, on the same seed and fold each.

    After each round the worst candidates are dropped, as `rules` say, until one is left. A round in
    which nothing has a score does not count: its seed may crash a loop, for example. The last
    candidate is compared with baseline and others, on the rounds that all of them were in. One of
    those wins if it is ahead or level, and none of its trainings has diverged. Scores on the folds
    of the search do not count there: the candidates were the best of many on these, and baseline
    and others were not chosen by them. The models of the rounds are chosen by their own validation
    scores, so none of them meets the test (see `finalists`).

    Args:
        score: trains these trials' configurations in this round; returns their validation scores.
        ahead: trains what is coming, a round or two, before it is scored; None: each round is
            trained by itself.
        barred: of baseline and others, those that may not win.
        searched: scores of candidates on the folds of the search, with which they are ranked; None:
            by their fresh scores alone.
        ranking: by what all are ranked in place of their scores; None: by these.

    Raises:
        StudyError: every candidate has diverged, or the baseline in each round.
    """
    arms, runners = (baseline, *others), list(candidates)
    standings = _Standings(ranking.direction if ranking else direction, searched or {})
    counted = 0  # rounds in which somebody has scored: only those drop a candidate
    trained = 0  # rounds that were trained ahead
    for index in range(len(rules.entered)):
        runners = runners[: rules.entered[counted]]
        running = _entered(index, rules, runners, arms)
        if ahead is not None and index >= trained:
            coming = Coming.of(index, rules, runners, arms)
            ahead(coming)
            trained = coming.until
        found = score(running, index)
        if len(found) > 1 and all(one is None for one in found):
            continue  # the seed is at fault
        counted += 1
        standings.add(running, found, ranking.scoring(running, index) if ranking else found)
        runners = standings.left_of(runners)
        if not runners:
            raise StudyError(NO_CANDIDATE)
    if not counted:
        raise StudyError(NO_CANDIDATE)
    if all(one is None for one in standings.ranked_by[baseline]):
        raise StudyError(NO_BASELINE)
    winner = standings.ahead([one for one in (*arms, runners[0]) if one not in barred])
    return Race(
        winner=winner,
        scores=standings.scores,
        ranked_by=standings.ranked_by if ranking else None,
    )
