"""Two intervals of one gain, and the smallest that has both.

One is Student's over rows and seeds (`crossed`). It knows nothing of trainings that end in one of
two ways. The other is the exact one over seeds on these very rows (`exact`), joined with what the
rows do by themselves by the method of variance estimates recovery (Zou & Donner 2008, "Construction
of confidence limits about effect measures", section 2: distances from the gain are added as
squares). It supposes that a gain moves all models of an arm alike, and where it does not, covers as
little as 79 % with 4 models (studies/verdict). So a gain is proven where both say so.

The end away from zero allows for one model that was not seen, with twice the gain of the others.
Where a quarter of all trainings end badly, none of 4 and 4 models does so in one study of ten. Then
the gain is there, but neither interval knows how large it is. No verdict depends on that end.
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
    """The two intervals of a gain: Student's over rows and seeds, and the exact one over seeds.

    Attributes:
        gain: of the arm.
        error: standard error of the gain, the margin included, with its `degrees` of freedom.
        row_error: standard error by the rows alone, were there endless seeds, with its degrees.
        dealt: over seeds, on these rows; None: there is Student's interval alone.
        models: of the arm that has fewer.
    """

    gain: float
    error: float
    degrees: float
    row_error: float
    row_degrees: float
    dealt: Dealt | None
    models: int

    def interval(self, alpha: float) -> Pair:
        """Return the smallest interval that has both, at this two-sided rate.

        Where the rate is smaller than what so few models can tell apart, the exact one is as wide
        as they allow, and Student's goes on alone. A test that is made at such a rate takes more
        models (`looks.plan`); it is met where older tests are read again after further ones.
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
        """Return the smallest rate whose interval excludes zero, times what 5 % were split by.

        Args:
            alpha: the two-sided rate that 5 % were split into; one is the most that is returned.
        """
        return max(min(1.0, self._smallest_rate() * ALPHA / alpha), self.least_p_value(alpha))

    def least_p_value(self, alpha: float) -> float:
        """Return the least that so few models can show, whatever they do: 0.05 with 4 and 4.

        Below that Student's distribution would go on alone, which has no say of so few: two equal
        arms whose trainings end in one of two ways had p under 0.001 in 8 of 1,000 studies.
        """
        if self.dealt is None:
            return 0.0
        return min(alpha, 2 / (len(self.dealt.gains) + 1)) * ALPHA / alpha

    def _smallest_rate(self) -> float:
        students = 2 * float(stdtr(self.degrees, -abs(self.gain) / self.error))
        if self.dealt is None or students == 0 or self.gain == 0:
            return students
        low, high = math.log(students), 0.0  # of the rate's logarithm: it is not under Student's
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            ends = self.interval(math.exp(middle))
            low, high = (middle, high) if ends[0] <= 0 <= ends[1] else (low, middle)
        return math.exp(high)
