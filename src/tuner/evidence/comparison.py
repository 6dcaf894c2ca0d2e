"""Two arms compared on the same seeds: the mean gain, its interval, and what may be claimed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scipy.stats import ttest_rel

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
FEWEST_THAT_AGREE = 3

Direction = Literal["maximize", "minimize"]
Verdict = Literal["better", "no proven gain", "worse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What paired seeds say about one arm against another.

    Attributes:
        gain: mean over seeds, in units of the metric; above zero is better, whatever the direction.
        interval: 95 % paired t interval of the gain; None where there is no telling.
        n: seeds.
    """

    gain: float
    interval: tuple[float, float] | None
    n: int

    @property
    def verdict(self) -> Verdict:
        """Better or worse only where the whole interval is on one side of zero."""
        if self.interval is not None and self.interval[0] > 0:
            return "better"
        if self.interval is not None and self.interval[1] < 0:
            return "worse"
        return "no proven gain"


def compare(baseline: Sequence[float], other: Sequence[float], direction: Direction) -> Comparison:
    """Compare two arms by their scores, which are paired: one a seed, the seeds in the same order.

    Raises:
        ValueError: no scores, not as many of one as of the other, or a score that is not finite.
    """
    if len(baseline) != len(other) or not baseline:
        raise ValueError(f"{len(baseline)} scores against {len(other)}; pairs are needed")
    if not all(map(math.isfinite, (*baseline, *other))):
        raise ValueError("a score is not a finite number, so its gain is none either")
    good, bad = (other, baseline) if direction == "maximize" else (baseline, other)
    gains = [a - b for a, b in zip(good, bad, strict=True)]
    n, mean = len(gains), math.fsum(gains) / len(gains)
    if _equal(gains, scale=max(map(abs, (*baseline, *other)))):
        # No spread, so the interval has no width. Two seeds that agree can do so by chance, as
        # scores on a small test split are coarse; identical arms say nothing but that.
        return Comparison(gain=mean, interval=(mean, mean) if n >= FEWEST_THAT_AGREE else None, n=n)
    interval = ttest_rel(good, bad).confidence_interval(CONFIDENCE)
    return Comparison(gain=mean, interval=(float(interval.low), float(interval.high)), n=n)


def _equal(gains: Sequence[float], scale: float) -> bool:
    """Whether the gains differ by no more than rounding: one gain always does."""
    return max(gains) - min(gains) <= 1e-12 * scale
