"""Measures which change brought the gain: a path from the baseline to the best, and back."""

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
UNCLEAR = 0.25  # of the whole gain: this much may be left if it cannot be told from nothing
AT_ONCE = 4  # changes that are tried together, if it is known which promise most
HOPELESS = 0.75  # of the wanted gain, after two rounds
SHARE = 1 / 4  # of a training, after which half of the tried changes are dropped


class OutOfTime(Exception):  # noqa: N818  # no error: a budget that ends a measurement
    """Raised by a scoring function to end an ablation early."""


class Ablation:
    """Measures subsets of changes on paired rounds.

    It goes from the baseline to the best, and ends when the remaining gain is not worth a step:
    when it is under a twentieth of the whole gain, or under a quarter of it and not significant.

    Attributes:
        path: changes in the order in which they were taken.
        scores: of every measured subset, one per round; fewer if it was dropped early.
        enough: the smallest change worth making, as `smallest` finds it.
        complete: whether everything worth measuring has been measured.
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
        """Set up the changes to measure and the functions that measure them.

        Args:
            score: trains the baseline with each of these subsets of the changes, in this round.
            promise: predicts how good a subset is, higher is better: the most promising changes are
                tried first. None to try all at each step.
            probe: scores subsets after a share of their training; None if they are too short for
                that.
            ahead: is called with subsets and their rounds before they are scored: with certain
                ones, to train them all at once, and with likely ones, to train them on slots that
                would be idle. None to train each round by itself.
            held_out: validation rows divided by training rows, in one round.
        """
        self.changes, self.rounds, self.direction, self.score = changes, rounds, direction, score
        self.promise, self.probe, self.ahead, self.held_out = promise, probe, ahead, held_out
        self.everything: Subset = frozenset(changes)
        self.scores: dict[Subset, list[float | None]] = {}
        self.path: list[str] = []
        self.enough: Subset | None = None
        self.complete = False

    def run(self) -> None:
        """Measure everything that is worth it, or as much as time allows."""
        try:
            self.walk()
            self.leave_out()
            self.enough = self.smallest()
            self.complete = True
        except OutOfTime:
            return

    def walk(self) -> None:
        """Go from the baseline towards the best, each time by the change with the most gain."""
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
        """Find the smallest change worth making: 95 % of the gain, without costly changes.

        It is the shortest beginning of the path with that gain. Then each of its changes is left
        out if the others suffice without it, the costliest group first and the latest change first.
        If the path ended early because the remaining gain was not significant, the goal is 95 % of
        the path's gain. Returns None if there is no gain.
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
        """Return the mean paired gain of one subset over another; -inf if it diverged."""
        pairs = self.scores[over], self.scores[subset]
        if None in self.scores[subset]:
            return -math.inf
        gains = paired_gains(*pairs, self.direction)
        return fmean(gains) if gains else math.inf

    def _is_worth_a_step(self, taken: Subset) -> bool:
        """Whether the remaining gain is worth a step from here."""
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
        low = left.interval[0] if left.interval else left.gain  # else all rounds have the same gain
        unclear = left.n == 1 or low <= 0
        return not unclear or left.gain > UNCLEAR * whole

    def _next(self, taken: Subset) -> str:
        """Return the change with the most gain from here, among the most promising ones.

        It has to bring at least an equal share of the remaining gain. If none of those tried does,
        the next ones are tried, until all are.
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
        """Whether a subset reaches a gain; stops as soon as that is hopeless."""
        for index in range(self.rounds):
            self._train_ahead([subset], range(index, index + 1), range(index + 1, self.rounds))
            self._score([subset], index)
            if None in self.scores[subset] or (index > 0 and self._is_hopeless(subset, goal)):
                return False
        return self.gain(subset) >= goal

    def _is_hopeless(self, subset: Subset, goal: float) -> bool:
        """Whether a subset is far below a gain, on the rounds in which it was measured."""
        rounds = len(self.scores[subset])
        whole, first = self.scores[self.everything][:rounds], self.scores[frozenset()][:rounds]
        gains = paired_gains(first, whole, self.direction)
        here = fmean(gains) * goal / self.gain(self.everything) if gains else -math.inf
        return self.gain(subset) < HOPELESS * here

    def _sift(self, contenders: list[Subset]) -> Subset:
        """Return the best subset, dropping the worse half after each round but the last.

        A first half is dropped after a share of the training.
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
        """Score subsets in all rounds; if time runs out, those that are already trained in all."""
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
        """Train subsets in certain rounds, and in likely ones on slots that would be idle."""
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
    """Return an ablation as plain values: every measured subset, with its scores.

    Args:
        baseline: number of the trial; so is `best`.

    Returns:
        Among others `rest`: the changes that were not worth a step each; and `at_once`: how many
            changes were tried together, if that was not all.
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
