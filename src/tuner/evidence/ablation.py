"""Which change bought it: a measured path from the baseline to the best, and back."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tuner.case.metric import sign_of
from tuner.evidence.changes import GROUPS
from tuner.evidence.comparison import paired_gains

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tuner.evidence.changes import Change
    from tuner.evidence.comparison import Direction

    Subset = frozenset[str]
    Score = Callable[[Sequence[Subset], int], Sequence[float | None]]

ENOUGH = 0.95  # of the whole gain


class OutOfTime(Exception):  # noqa: N818  # no error: a budget that ends a measurement
    """Raised by whoever scores, to end an ablation early."""


class Ablation:
    """Measures subsets of changes on paired rounds.

    Attributes:
        path: changes in the order in which they were taken.
        scores: of every subset measured, one a round; fewer where it was dropped early.
        enough: the smallest change worth making, as `smallest` finds it.
        complete: whether everything has been measured.
    """

    def __init__(
        self,
        changes: Mapping[str, Change],
        rounds: int,
        direction: Direction,
        score: Score,
    ) -> None:
        """Take what there is to measure, and how.

        Args:
            score: trains the baseline with each of these subsets of the changes, in this round.
        """
        self.changes, self.rounds, self.direction, self.score = changes, rounds, direction, score
        self.scores: dict[Subset, list[float | None]] = {}
        self.path: list[str] = []
        self.enough: Subset | None = None
        self.complete = False

    def run(self) -> None:
        """Measure everything, or what there is time for."""
        try:
            self.walk()
            self.leave_out()
            self.enough = self.smallest()
            self.complete = True
        except OutOfTime:
            return

    def walk(self) -> None:
        """Go from the baseline to the best: at each step take the change that does most."""
        taken: Subset = frozenset()
        self.path = []
        self._measure([taken, frozenset(self.changes)])
        while remaining := [name for name in self.changes if name not in taken]:
            best = self._sift([taken | {name} for name in remaining])
            (name,) = best - taken
            self.path.append(name)
            taken = best

    def leave_out(self) -> None:
        """Measure the best without each one of its changes."""
        everything = frozenset(self.changes)
        self._measure([everything - {name} for name in self.changes])

    def smallest(self) -> Subset | None:
        """Find the smallest change worth making: 95 % of the gain, without what is dear to change.

        The shortest beginning of the path that has it; then each of its changes is left out, the
        dearest group first and the one taken last first, where the others do without. None: there
        is no gain.
        """
        whole = self.gain(frozenset(self.changes))
        if not whole > 0:
            return None
        beginnings = [frozenset(self.path[:length]) for length in range(1, len(self.path) + 1)]
        subset = next(one for one in beginnings if self.gain(one) >= ENOUGH * whole)
        dearest_first = sorted(
            (name for name in reversed(self.path) if name in subset),
            key=lambda name: -GROUPS.index(self.changes[name].group),
        )
        for name in dearest_first:
            without = subset - {name}
            if without:
                self._measure([without])
                if self.gain(without) >= ENOUGH * whole:
                    subset = without
        return subset

    def gain(self, subset: Subset, over: Subset = frozenset()) -> float:
        """Return the mean paired gain of one subset over another; a divergent one's is -inf."""
        pairs = self.scores[over], self.scores[subset]
        if None in self.scores[subset]:
            return -math.inf
        gains = paired_gains(*pairs, self.direction)
        return fmean(gains) if gains else math.inf

    def _sift(self, contenders: list[Subset]) -> Subset:
        """Return the best, dropping the worse half after each round but the last."""
        for index in range(self.rounds):
            self._score(contenders, index)
            contenders.sort(key=self._badness)
            if index < self.rounds - 1:
                contenders = contenders[: math.ceil(len(contenders) / 2)]
        return contenders[0]

    def _measure(self, subsets: Collection[Subset]) -> None:
        for index in range(self.rounds):
            self._score(subsets, index)

    def _score(self, subsets: Collection[Subset], index: int) -> None:
        missing = [one for one in subsets if len(self.scores.get(one, [])) == index]
        for subset, score in zip(missing, self.score(missing, index), strict=True):
            self.scores.setdefault(subset, []).append(score)

    def _badness(self, subset: Subset) -> float:
        known = [score for score in self.scores[subset] if score is not None]
        if len(known) < len(self.scores[subset]):
            return math.inf
        return -sign_of(self.direction) * fmean(known)


def facts_of_ablation(ablation: Ablation, baseline: int, best: int) -> dict[str, Any]:
    """Return an ablation as plain values: every subset on the path and off it, with its scores.

    Args:
        baseline: number of the trial; so is `best`.
    """
    everything = frozenset(ablation.changes)
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
