"""Combines two intervals of one gain into the smallest interval that contains both.

One is Student's over rows and seeds (`crossed`). It does not cover trainings that end in one of two
ways. The other is the exact one over seeds on these very rows (`exact`), combined with the variance
of the rows by the method of variance estimates recovery (Zou & Donner 2008, "Construction of
confidence limits about effect measures", section 2: distances from the gain are added as squares).
It assumes that a gain moves all models of an arm alike. If that is false, it covers as little as 79
% with 4 models (studies/verdict). So a gain is proven only if both agree.

The end away from zero allows for one unseen model with twice the gain of the others. If a quarter
of all trainings end badly, in one study of ten none of 4 and 4 models does. The gain is real in
such a study, but neither interval knows how large it is. No verdict depends on that end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.special import stdtr, stdtrit

from tuner.evidence.statistics.looks import ALPHA

if TYPE_CHECKING:
    from tuner.evidence.statistics.components import Pair
    from tuner.evidence.statistics.exact import Dealt

HALVINGS = 40  # to find a p-value


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """Two intervals of a gain: Student's over rows and seeds, and the exact one over seeds.

    Attributes:
        gain: of the arm.
        error: standard error of the gain, margin included, with its `degrees` of freedom.
        row_error: standard error by the rows alone, with endless seeds, with its degrees.
        dealt: the exact test over seeds, on these rows; None if only Student's interval applies.
        models: number in the smaller arm.
    """

    gain: float
    error: float
    degrees: float
    row_error: float
    row_degrees: float
    dealt: Dealt | None
    models: int

    def interval(self, alpha: float) -> Pair:
        """Return the smallest interval that contains both, at this two-sided rate.

        If the rate is smaller than this many models can resolve, the exact interval is as wide as
        they allow, and only Student's keeps growing. New tests at such a rate take more models
        (`looks.plan`); it occurs only if older tests are read again after later ones.
        """
        half = self.error * -float(stdtrit(self.degrees, alpha / 2))
        below, above = half, half
        if self.dealt is not None:
            finest = 2 / (len(self.dealt.gains) + 1)
            low, high = self.dealt.interval(max(alpha, finest))
            rows = self.row_error * -float(stdtrit(self.row_degrees, alpha / 2))
            below = max(half, math.hypot(max(0.0, self.gain - low), rows))
            above = max(half, math.hypot(max(0.0, high - self.gain), rows))
            below -= min(0.0, self.gain) / (self.models + 1)
            above += max(0.0, self.gain) / (self.models + 1)
        return self.gain - below, self.gain + above

    def p_value(self, alpha: float) -> float:
        """Return the smallest rate whose interval excludes zero, times the factor of the split.

        Args:
            alpha: the two-sided rate of this test, after the 5 % were split; the result is at most
                one.
        """
        return max(min(1.0, self._smallest_rate() * ALPHA / alpha), self.least_p_value(alpha))

    def least_p_value(self, alpha: float) -> float:
        """Return the lowest p-value that this many models can show: 0.05 with 4 and 4.

        Below that, only Student's distribution would count, which is unreliable for so few: two
        equal arms whose trainings end in one of two ways had p under 0.001 in 8 of 1,000 studies.
        """
        if self.dealt is None:
            return 0.0
        return min(alpha, 2 / (len(self.dealt.gains) + 1)) * ALPHA / alpha

    def _smallest_rate(self) -> float:
        students = 2 * float(stdtr(self.degrees, -abs(self.gain) / self.error))
        if self.dealt is None or students == 0 or self.gain == 0:
            return students
        low, high = math.log(students), 0.0  # of the rate's logarithm, which is at least Student's
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            ends = self.interval(math.exp(middle))
            low, high = (middle, high) if ends[0] <= 0 <= ends[1] else (low, middle)
        return math.exp(high)
