"""How looks at a test set share its error rate, and when the test set is used up.

A study tests in one look, or in two that were planned together: the second one, with twice the
models, is made only if the first has proven nothing. The 5 % are split evenly over the tests of the
same rows, and the share of a test over its looks, beforehand: 2/70 at the first look, which is the
least that 4 and 4 models can resolve, and the rest at the second. So a claim about the best against
the baseline on a test set is false in at most 5 % of cases, whichever look a study stopped after.
Other claims have rates of their own: the recipe against either has 5 % each, and all rivals of a
study 5 % together.
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

ALPHA = 0.05  # of a false claim in either direction, over all looks at one test set
FIRST = 2 / ways((4, 4)) / ALPHA  # share of the 5 % for the first look of two; 0.571


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a test.

    Attributes:
        models: per arm.
        alpha: the two-sided error rate.
    """

    models: int
    alpha: float


@dataclass(frozen=True, slots=True)
class Share:
    """The share of the 5 % that one look may use.

    Attributes:
        tests: number of tests of these rows, including this one, that share all of it.
        part: share of this test's rate that is for this look.
    """

    tests: int = 1
    part: float = 1.0

    @property
    def alpha(self) -> float:
        """The two-sided error rate."""
        return alpha_for(self.tests) * self.part

    def looks(self, models: int) -> tuple[Look, ...]:
        """Return the looks of a test whose last one is this, at so many models per arm."""
        last = Look(models, self.alpha)
        if not math.isclose(self.part, 1 - FIRST):
            return (last,)
        return Look(models // 2, alpha_for(self.tests) * FIRST), last


WHOLE = Share()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The looks of one test, fixed before the first.

    Attributes:
        models: per arm, at each look.
        parts: share of the test's error rate for each look.
        fewest: models per arm that can prove anything at the first look.
        made: looks so far.
        settled: whether no more looks follow, although more were planned.
    """

    models: tuple[int, ...]
    parts: tuple[float, ...]
    fewest: int
    made: int = 0
    settled: bool = False

    @classmethod
    def of(cls, tests: int, asked: int | None = None) -> Self:
        """Plan a test.

        On fresh rows, the first look takes 4 models per arm and the second 8. Rows that were tested
        before leave a lower rate, which so few models cannot resolve: the second test takes 5 and
        10, the fourth to the 13th 6 and 12.

        Args:
            tests: number of tests of these rows, including the coming one.
            asked: models per arm, for a single look; None for two looks.
        """
        if asked is not None:
            fewest = fewest_models(alpha_for(tests))
            return cls(models=(asked,), parts=(1.0,), fewest=fewest)
        fewest = fewest_models(Share(tests, FIRST).alpha * (1 + 1e-9))
        return cls(models=(fewest, 2 * fewest), parts=(FIRST, 1 - FIRST), fewest=fewest)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> Self | None:
        """Return the plan that a study stores; None if it was tested before there were plans."""
        if stored is None:
            return None
        return cls(**{**stored, "models": tuple(stored["models"]), "parts": tuple(stored["parts"])})

    @property
    def is_over(self) -> bool:
        """Whether no more looks follow."""
        return self.settled or self.made == len(self.models)

    def share(self, tests: int) -> Share:
        """Return the share that the last look may use."""
        return Share(tests, self.parts[max(1, self.made) - 1])


def alpha_for(looks: int) -> float:
    """Return the two-sided error rate of one test: the whole, split evenly (Bonferroni).

    A second look that was planned with a test shares the rate of that test.

    Bonferroni assumes nothing about the looks: they share their rows, some share models, and nobody
    knows how much. It holds for look number `looks` whatever comes later: the first study on a
    fresh test set has the whole 5 %, the twentieth a twentieth. Earlier intervals are computed
    again with all looks so far, so all of them hold together.

    Raises:
        ValueError: `looks` is less than one.
    """
    if looks < 1:
        raise ValueError(f"{looks} looks; a comparison is one at least")
    return ALPHA / looks


@cache
def most_looks(rows: int) -> int:
    """Return the number of looks after which a test set of this size is used up.

    Bonferroni covers looks that were planned without knowing earlier answers. A person who reads a
    report and then changes the case has learned from the test rows. Two bounds tell how long the
    split interval is wider than what can be learned in this way:

    * Blum & Hardt 2015 ("The Ladder", the boosting attack): a majority vote of k random answers,
      each turned the way the test set liked better, gains 2/pi * sqrt(k) standard errors from
      nothing. The half-width of the split interval, `norm.isf(ALPHA / 2 / k)` standard errors,
      grows more slowly; it is overtaken after 23 looks.
    * A report reveals two error counts, log2(rows + 1) bits each. Once all reports together could
      reveal one bit per row, they could contain every label: rows / (2 log2(rows + 1)) looks.

    So 2 looks at 20 rows, 11 at 171, 23 at 500 or more.

    Raises:
        ValueError: there are no rows.
    """
    if rows < 1:
        raise ValueError(f"{rows} test rows; at least one is needed")
    spelt = rows / (2 * math.log2(rows + 1))
    looks = 1
    while looks + 1 <= spelt and _climb(looks + 1) <= norm.isf(alpha_for(looks + 1) / 2):
        looks += 1
    return looks


def is_used_up(looks: int, rows: int) -> bool:
    """Whether a test set has had so many looks that its verdicts can no longer be trusted."""
    return looks > most_looks(rows)


def _climb(looks: int) -> float:
    return 2 / math.pi * math.sqrt(looks)
