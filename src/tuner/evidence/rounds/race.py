"""A race on fresh seeds and folds finds the best candidate, and drops losers early."""

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
    "no candidate has a score on fresh seeds, so there is nothing to compare; continue the "
    "search (a larger --trials)"
)
NO_BASELINE = (
    "the baseline has no score in any round on fresh seeds, so there is nothing to compare the "
    "best with. Start a new study with a baseline that trains, for example with a smaller "
    "learning rate"
)
ROUNDS = 6  # of a race, if no number of seeds was asked for
AT_ONCE = 2  # rounds; if a candidate diverges in the first, its second is wasted


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """The result of a race.

    Attributes:
        winner: number of the trial.
        scores: validation scores by trial, one per round; None if a training diverged. A dropped
            candidate has fewer; so do baseline and recipe if they were not in the last rounds.
        ranked_by: values used for the ranking instead of these scores, by trial and round; None:
            these scores.
    """

    winner: int
    scores: dict[int, list[float | None]]
    ranked_by: dict[int, list[float | None]] | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranks trials by something other than their scores.

    Attributes:
        scoring: returns it for these trials in this round, once they have been scored.
    """

    direction: Direction
    scoring: Scoring


@dataclass(frozen=True, slots=True)
class Coming:
    """The next trainings of a race, unless one diverges: trials, each with its round.

    Attributes:
        now: this round, and the next one if no candidate can be dropped before it.
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
        """Return the plan of a round with these candidates.

        Args:
            arms: baseline and others, which take part in as many rounds as the rules say.
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
    """Return the trials of a round, without repetitions."""
    return list(dict.fromkeys((*(arms if index < rules.arms else ()), *runners)))


@dataclass(slots=True)
class _Standings:
    """All scores so far, and which trial is ahead.

    Attributes:
        direction: in which the ranking value is better.
        searched: the candidates' scores on the folds of the search, if these count.
        scores: by trial, one for each round that counts.
        ranked_by: the values used for the ranking, in the same form.
    """

    direction: Direction
    searched: Mapping[int, Sequence[float]]
    scores: dict[int, list[float | None]] = field(default_factory=dict)
    ranked_by: dict[int, list[float | None]] = field(default_factory=dict)

    def add(self, trials: Sequence[int], scores: Scores, ranked_by: Scores) -> None:
        """Add the scores of trials in a round."""
        for trial, score, rank in zip(trials, scores, ranked_by, strict=True):
            self.scores.setdefault(trial, []).append(score)
            self.ranked_by.setdefault(trial, []).append(rank)

    def left_of(self, runners: Sequence[int]) -> list[int]:
        """Return the candidates that have not diverged, the best first, by all folds that count."""
        losses = {
            trial: self._loss([*self.searched.get(trial, ()), *self.ranked_by[trial]])
            for trial in runners
        }
        return [
            one for one in sorted(runners, key=losses.__getitem__) if math.isfinite(losses[one])
        ]

    def ahead(self, trials: Sequence[int]) -> int:
        """Return the best trial on the fresh folds of all of them; of equals the first."""
        common = min(len(self.ranked_by[trial]) for trial in trials)
        return min(trials, key=lambda trial: self._loss(self.ranked_by[trial][:common]))

    def _loss(self, scores: Scores) -> float:
        """Return the mean of scores as a loss, lower is better; infinite if one is missing."""
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

    After each round the worst candidates are dropped, by the rules in `rules`, until one is left. A
    round without any score does not count: its seed may crash a loop, for example. The last
    candidate is compared with baseline and others, on the rounds that all of them were in. One of
    those wins if it is ahead or level, and none of its trainings has diverged. Scores on the folds
    of the search do not count there: the candidates were the best of many on these folds, but
    baseline and others were not chosen by them. The models of the rounds are chosen by their own
    validation scores, so none of them is tested (see `finalists`).

    Args:
        score: trains these trials' configurations in this round; returns their validation scores.
        ahead: trains the next one or two rounds before they are scored; None: each round is
            trained by itself.
        barred: of baseline and others, those that may not win.
        searched: scores of candidates on the folds of the search, which count in their ranking;
            None: only fresh scores count.
        ranking: ranks all by something other than their scores; None: by their scores.

    Raises:
        StudyError: every candidate has diverged, or the baseline in each round.
    """
    arms, runners = (baseline, *others), list(candidates)
    standings = _Standings(ranking.direction if ranking else direction, searched or {})
    counted = 0  # rounds in which somebody has a score: only these drop a candidate
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
            continue  # every candidate failed, so the seed is at fault
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
