"""Which change bought it: a measured path from the baseline to the best, and back."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tuner.case.metric import sign_of
from tuner.evidence.ablation.changes import GROUPS
from tuner.evidence.rounds.paired import compare_rounds
from tuner.evidence.statistics.comparison import paired_gains

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tuner.evidence.ablation.changes import Change
    from tuner.evidence.statistics.comparison import Direction

    Subset = frozenset[str]
    Score = Callable[[Sequence[Subset], int], Sequence[float | None]]
    InRounds = Sequence[tuple[Subset, int]]
    Ahead = Callable[[InRounds, InRounds], None]

ENOUGH = 0.95  # of the whole gain
UNCLEAR = 0.25  # of the whole gain: so much may be left, if it cannot be told from nothing
AT_ONCE = 4  # changes that are tried together, where it is known which promise most
HOPELESS = 0.75  # of the whole gain, after two rounds
SHARE = 1 / 4  # of a training, after which half of the changes tried are dropped


class OutOfTime(Exception):  # noqa: N818  # no error: a budget that ends a measurement
    """Raised by what scores subsets, to end an ablation early."""


class Ablation:
    """Measures subsets of changes on paired rounds.

    It goes from the baseline to the best, and ends as soon as what is left is not worth a step:
    under a twentieth of the whole gain, or under a quarter of it and not to be told from nothing.

    Attributes:
        path: changes in the order in which they were taken.
        scores: of every subset measured, one a round; fewer where it was dropped early.
        enough: the smallest change worth making, as `smallest` finds it.
        complete: whether everything has been measured that is worth it.
    """

    def __init__(
        self,
        changes: Mapping[str, Change],
        rounds: int,
        direction: Direction,
        score: Score,
        *,
        promise: Callable[[Subset], float] | None = None,
        probe: Callable[[Sequence[Subset]], Sequence[float | None] | None] | None = None,
        ahead: Ahead | None = None,
        held_out: float = 0.0,
    ) -> None:
        """Take what there is to measure, and how.

        Args:
            score: trains the baseline with each of these subsets of the changes, in this round.
            promise: how well a subset is expected to do, more is better: the changes that promise
                most are tried first. None: all are tried at each step.
            probe: scores subsets after a share of their training; None: they are too short for it.
            ahead: is told subsets with their rounds before they are scored: those that are certain,
                to be trained all at once, and those that are likely to come next, to be trained on
                what would be idle. None: each round is trained by itself.
            held_out: rows held out over rows trained on, in one round.
        """
        self.changes, self.rounds, self.direction, self.score = changes, rounds, direction, score
        self.promise, self.probe, self.ahead, self.held_out = promise, probe, ahead, held_out
        self.everything: Subset = frozenset(changes)
        self.scores: dict[Subset, list[float | None]] = {}
        self.path: list[str] = []
        self.enough: Subset | None = None
        self.complete = False

    def run(self) -> None:
        """Measure everything that is worth it, or what there is time for."""
        try:
            self.walk()
            self.leave_out()
            self.enough = self.smallest()
            self.complete = True
        except OutOfTime:
            return

    def walk(self) -> None:
        """Go from the baseline towards the best: at each step take the change that does most."""
        taken: Subset = frozenset()
        self.path = []
        self._measure([taken, self.everything])
        while self._is_worth_a_step(taken):
            name = self._next(taken)
            self.path.append(name)
            taken |= {name}

    def leave_out(self) -> None:
        """Measure the best without each one of the changes on the path."""
        self._measure([self.everything - {name} for name in self.path])

    def smallest(self) -> Subset | None:
        """Find the smallest change worth making: 95 % of the gain, without what is dear to change.

        The shortest beginning of the path that has it; then each of its changes is left out, the
        dearest group first and the one taken last first, where the others do without. Where the
        path ended earlier, because what was left could not be told from nothing, it is 95 % of what
        the path has. None: there is no gain.
        """
        whole = self.gain(self.everything)
        if not whole > 0:
            return None
        beginnings = [frozenset(self.path[:length]) for length in range(1, len(self.path) + 1)]
        goal = ENOUGH * min(whole, max(map(self.gain, beginnings)))
        subset = next(one for one in beginnings if self.gain(one) >= goal)
        dearest_first = sorted(
            (name for name in reversed(self.path) if name in subset),
            key=lambda name: -GROUPS.index(self.changes[name].group),
        )
        for name in dearest_first:
            without = subset - {name}
            if without and self._comes_to(without, goal):
                subset = without
        return subset

    def gain(self, subset: Subset, over: Subset = frozenset()) -> float:
        """Return the mean paired gain of one subset over another; a divergent one's is -inf."""
        pairs = self.scores[over], self.scores[subset]
        if None in self.scores[subset]:
            return -math.inf
        gains = paired_gains(*pairs, self.direction)
        return fmean(gains) if gains else math.inf

    def _is_worth_a_step(self, taken: Subset) -> bool:
        """Whether what is left of the gain is worth a step from here."""
        whole = self.gain(self.everything)
        if not whole > 0 or taken == self.everything:
            return False
        if not taken:
            return True
        if self.gain(taken) >= ENOUGH * whole:
            return False
        gains = paired_gains(self.scores[taken], self.scores[self.everything], self.direction)
        if None in self.scores[taken] or not math.isfinite(whole) or not gains:
            return True
        left = compare_rounds(gains, self.held_out)
        low = left.interval[0] if left.interval else left.gain  # all rounds say the same
        unclear = left.n == 1 or low <= 0
        return not unclear or left.gain > UNCLEAR * whole

    def _next(self, taken: Subset) -> str:
        """Return the change that does most from here, of those that promise most.

        It has to bring its share of what is left, as if all that remain brought the same. Where
        none of those tried does, the next ones are tried, to the last.
        """
        remaining = [name for name in self.changes if name not in taken]
        at_once = len(remaining)
        if (promise := self.promise) is not None:
            at_once = AT_ONCE
            remaining.sort(key=lambda name: -promise(taken | {name}))
        share = self.gain(self.everything, over=taken) / len(remaining)
        tried: list[Subset] = []
        for start in range(0, len(remaining), at_once):
            batch = [taken | {name} for name in remaining[start : start + at_once]]
            tried.append(self._sift(batch))
            if self.gain(tried[-1], over=taken) >= share:
                break
        (name,) = max(tried, key=self.gain) - taken
        return name

    def _comes_to(self, subset: Subset, goal: float) -> bool:
        """Whether a subset has so much gain; given up as soon as it has no hope of it."""
        for index in range(self.rounds):
            self._train_ahead([subset], range(index, index + 1), range(index + 1, self.rounds))
            self._score([subset], index)
            if None in self.scores[subset] or (index > 0 and self._is_hopeless(subset, goal)):
                return False
        return self.gain(subset) >= goal

    def _is_hopeless(self, subset: Subset, goal: float) -> bool:
        """Whether a subset is far from a gain, on the rounds that it was measured in."""
        rounds = len(self.scores[subset])
        whole, first = self.scores[self.everything][:rounds], self.scores[frozenset()][:rounds]
        gains = paired_gains(first, whole, self.direction)
        here = fmean(gains) * goal / self.gain(self.everything) if gains else -math.inf
        return self.gain(subset) < HOPELESS * here

    def _sift(self, contenders: list[Subset]) -> Subset:
        """Return the best, dropping the worse half after each round but the last.

        The first half is dropped after a share of the training.
        """
        if self.probe is not None and len(contenders) > 2 and (early := self.probe(contenders)):
            badness = dict(zip(contenders, map(self._badness_of, early), strict=True))
            contenders.sort(key=lambda one: badness[one])
            contenders = contenders[: math.ceil(len(contenders) / 2)]
        for index in range(self.rounds):
            if len(contenders) == 1:
                self._train_ahead(contenders, range(index, self.rounds))
            self._score(contenders, index)
            contenders.sort(key=self._badness)
            if index < self.rounds - 1:
                contenders = contenders[: math.ceil(len(contenders) / 2)]
        return contenders[0]

    def _measure(self, subsets: Collection[Subset]) -> None:
        """Score subsets in all rounds; where the time is over, those that were trained in all."""
        self._train_ahead(subsets, range(self.rounds))
        over: OutOfTime | None = None
        for subset in subsets:
            try:
                for index in range(self.rounds):
                    self._score([subset], index)
            except OutOfTime as error:
                over = error
        if over is not None:
            raise over

    def _train_ahead(
        self, subsets: Collection[Subset], certain: range, likely: range = range(0)
    ) -> None:
        """Train subsets in the rounds that are certain; in the likely ones where nothing waits."""
        if self.ahead is not None:
            self.ahead(_in_rounds(subsets, certain), _in_rounds(subsets, likely))

    def _score(self, subsets: Collection[Subset], index: int) -> None:
        missing = [one for one in subsets if len(self.scores.get(one, [])) == index]
        for subset, score in zip(missing, self.score(missing, index), strict=True):
            self.scores.setdefault(subset, []).append(score)

    def _badness(self, subset: Subset) -> float:
        return self._badness_of(*self.scores[subset])

    def _badness_of(self, *scores: float | None) -> float:
        known = [score for score in scores if score is not None]
        if len(known) < len(scores):
            return math.inf
        return -sign_of(self.direction) * fmean(known)


def _in_rounds(subsets: Collection[Subset], rounds: range) -> InRounds:
    return [(subset, index) for subset in subsets for index in rounds]


def facts_of_ablation(ablation: Ablation, baseline: int, best: int) -> dict[str, Any]:
    """Return an ablation as plain values: every subset on the path and off it, with its scores.

    Args:
        baseline: number of the trial; so is `best`.

    Returns:
        Among others `rest`: the changes that were not worth a step by themselves; and `at_once`:
        how many changes were tried together, where that was not all.
    """
    everything = ablation.everything
    beginnings = [frozenset(ablation.path[:length]) for length in range(len(ablation.path) + 1)]
    return {
        "baseline": baseline,
        "best": best,
        "rounds": ablation.rounds,
        "complete": ablation.complete,
        "changes": {
            name: {
                "was": change.was,
                "now": change.now,
                "group": change.group,
                "follows": dict(change.follows),
            }
            for name, change in ablation.changes.items()
        },
        "path": ablation.path,
        "rest": [one for one in ablation.changes if one not in ablation.path]
        if ablation.complete
        else [],
        "at_once": ablation.promise and AT_ONCE,
        "path_scores": [ablation.scores[one] for one in beginnings if one in ablation.scores],
        "without": {
            name: ablation.scores[everything - {name}]
            for name in ablation.changes
            if len(ablation.scores.get(everything - {name}, [])) == ablation.rounds
        },
        "whole": ablation.scores.get(everything, []),
        "smallest": ablation.enough and sorted(ablation.enough),
        "smallest_scores": ablation.enough and ablation.scores[ablation.enough],
        "subsets_measured": len(ablation.scores),
    }
