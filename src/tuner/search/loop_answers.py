"""The answers a loop got when it asked whether to end, so that a resumed search repeats them.

In a loop, a report, the question whether to end, its answer and the end itself come one after the
other, and other trials may end in between. So after an interrupt, the answers cannot be derived
from the reports (as `tuner.search.replay` does). Each trial that ends therefore stores the answers
that the running trials had got by then. Later answers are computed again: no trial has ended since,
so the pruner decides the same from the same reports.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.study.schema import ALONGSIDE, ANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from optuna.trial import FrozenTrial


@dataclass(slots=True)
class Answers:
    """The answers that a loop has got.

    Attributes:
        before: number of its reports whose answer is known from an interrupted search; None if that
            search ran before answers were stored.
        ends: reports, counted from 1, after which it was told to end.
        asked: number of reports after which it has asked, or continued without asking.
    """

    before: int | None = 0
    ends: set[int] = field(default_factory=set)
    asked: int = 0

    @classmethod
    def kept_of(cls, number: int, trials: Sequence[FrozenTrial]) -> Self:
        """Return the answers to a resumed trial, as the trials that have ended stored them."""
        beside = [
            one.user_attrs for one in trials if str(number) in one.user_attrs.get(ALONGSIDE, {})
        ]
        if not all(ANSWERED in facts for facts in beside):
            return cls(before=None)
        notes = [facts[ANSWERED][str(number)] for facts in beside]
        before = max((note["reports"] for note in notes), default=0)
        return cls(before, {report for note in notes for report in note["ends"]})

    def as_kept(self) -> dict[str, Any]:
        """Return the answers as another trial stores them when it ends."""
        ends = sorted(report for report in self.ends if report <= self.asked)
        return {"reports": self.asked, "ends": ends}
