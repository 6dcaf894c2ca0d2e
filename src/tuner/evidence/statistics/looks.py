"""How often a test set was looked at, what that costs, and when it is used up.

A study tests in one look or in two that were planned together: a second one, with twice the models,
where the first has proven nothing. The 5 % are split evenly over the tests of the same rows, and
those of a test over its looks, beforehand: 2/70 at the first look, which is what 4 and 4 models can
tell apart, and the rest at the second. So what is claimed of the best against the baseline on a
test set is false in at most 5 % of cases, after whichever look a study stopped. Other claims have
rates of their own: the recipe against either has 5 % each, and all rivals of a study 5 % together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from scipy.stats import norm

from tuner.evidence.statistics.exact import fewest_models, ways

if TYPE_CHECKING:
    from collections.abc import Mapping

ALPHA = 0.05  # of a false claim, either way, over all looks at one test set
FIRST = 2 / ways((4, 4)) / ALPHA  # of the 5 %, what a first look of two may use; 0.571


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the 5 % one look may use.

    Attributes:
        tests: of these rows, this one included, over which all of it is split.
        part: of what is left to its test, for this look.
    """

    tests: int = 1
    part: float = 1.0

    @property
    def alpha(self) -> float:
        """The two-sided error rate."""
        return alpha_for(self.tests) * self.part


WHOLE = Share()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The looks of one test, fixed before the first.

    Attributes:
        models: an arm, at each look.
        parts: of the error rate of the test, for each look.
        fewest: models an arm that can prove anything at the first.
        made: looks so far.
        settled: whether none is to follow, though one was planned.
    """

    models: tuple[int, ...]
    parts: tuple[float, ...]
    fewest: int
    made: int = 0
    settled: bool = False

    @classmethod
    def of(cls, tests: int, asked: int | None = None) -> Self:
        """Plan a test.

        On fresh rows 4 models an arm meet them at the first look and 8 at the second. On rows that
        were tested before, so few cannot be told apart any more at the rate that is left: the
        second test takes 5 and 10, the fourth to the 13th 6 and 12.

        Args:
            tests: of these rows, the coming one included.
            asked: models an arm, for one look; None: two looks.
        """
        if asked is not None:
            fewest = fewest_models(alpha_for(tests))
            return cls(models=(asked,), parts=(1.0,), fewest=fewest)
        fewest = fewest_models(Share(tests, FIRST).alpha * (1 + 1e-9))
        return cls(models=(fewest, 2 * fewest), parts=(FIRST, 1 - FIRST), fewest=fewest)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> Self | None:
        """Return what a study keeps of it; None: it was tested before there were plans."""
        if stored is None:
            return None
        return cls(**{**stored, "models": tuple(stored["models"]), "parts": tuple(stored["parts"])})

    @property
    def is_over(self) -> bool:
        """Whether no look is to follow."""
        return self.settled or self.made == len(self.models)

    def share(self, tests: int) -> Share:
        """Return what the last look that was made may use."""
        return Share(tests, self.parts[max(1, self.made) - 1])


def alpha_for(looks: int) -> float:
    """Return the two-sided error rate that one test may use: the whole, split evenly (Bonferroni).

    A look that was planned as the second of a test shares the rate of that test.

    Bonferroni needs nothing of the looks: they share their rows, some share models, and nobody
    knows how much. It holds for look number `looks` whatever comes later: the first study on a
    fresh test set has the whole 5 %, the twentieth a twentieth. Earlier intervals are read again
    with all looks so far, so all of them hold together.

    Raises:
        ValueError: fewer looks than one.
    """
    if looks < 1:
        raise ValueError(f"{looks} looks; a comparison is one at least")
    return ALPHA / looks


@cache
def most_looks(rows: int) -> int:
    """Return after how many looks a test set of so many rows is used up.

    Bonferroni covers looks that were planned without the answers of earlier ones. A person who
    reads a report and then changes the case has learned from the test rows. Two bounds say how long
    the split interval is wider than what can be learned in this way:

    * Blum & Hardt 2015 ("The Ladder", the boosting attack): a majority vote of k random answers,
      each turned the way the test set liked better, gains 2/pi * sqrt(k) standard errors out of
      nothing. The half-width of the split interval, `norm.isf(ALPHA / 2 / k)` standard errors,
      grows more slowly; it is overtaken after 23 looks.
    * A report tells two error counts, log2(rows + 1) bits each. When all reports together could
      spell out one bit a row, they could hold every label: rows / (2 log2(rows + 1)) looks.

    So 2 looks at 20 rows, 11 at 171, 23 at 500 or more.

    Raises:
        ValueError: no rows.
    """
    if rows < 1:
        raise ValueError(f"{rows} test rows; at least one is needed")
    spelt = rows / (2 * math.log2(rows + 1))
    looks = 1
    while looks + 1 <= spelt and _climb(looks + 1) <= norm.isf(alpha_for(looks + 1) / 2):
        looks += 1
    return looks


def is_used_up(looks: int, rows: int) -> bool:
    """Whether a test set has been looked at too often for a verdict to be believed."""
    return looks > most_looks(rows)


def _climb(looks: int) -> float:
    return 2 / math.pi * math.sqrt(looks)
