"""What a loop was told each time it asked whether to end, so that it is told the same again.

In a loop a report, the question whether to end, its answer and the end itself come one after the
other, and trials beside it may end in between. So where a search is interrupted, what an answer was
cannot be known from the reports (as in `tuner.search.replay`). Each trial that ends keeps what
those beside it had been told by then. What they were told since is asked again: no trial has ended
since, so the pruner says the same of the same reports.
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
    """What a loop has been told.

    Attributes:
        before: to how many of its reports the answer is known from a search that was interrupted;
            None: that was made before answers were kept.
        ends: reports, counted from 1, after which it was told to end.
        asked: about how many reports it has asked, or gone on without asking.
    """

    before: int | None = 0
    ends: set[int] = field(default_factory=set)
    asked: int = 0

    @classmethod
    def kept_of(cls, number: int, trials: Sequence[FrozenTrial]) -> Self:
        """Return what the trials that have ended keep of one that runs again."""
        beside = [
            one.user_attrs for one in trials if str(number) in one.user_attrs.get(ALONGSIDE, {})
        ]
        if not all(ANSWERED in facts for facts in beside):
            return cls(before=None)
        notes = [facts[ANSWERED][str(number)] for facts in beside]
        before = max((note["reports"] for note in notes), default=0)
        return cls(before, {report for note in notes for report in note["ends"]})

    def as_kept(self) -> dict[str, Any]:
        """Return what a trial beside it keeps, when that one ends."""
        ends = sorted(report for report in self.ends if report <= self.asked)
        return {"reports": self.asked, "ends": ends}
