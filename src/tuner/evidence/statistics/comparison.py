"""Compares the scores of two arms: the mean gain, its uncertainty, and the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import bootstrap, permutation_test, ttest_ind

from tuner.case.metric import Direction as Direction
from tuner.case.metric import sign_of
from tuner.evidence.statistics.looks import ALPHA, WHOLE, Share

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
FEWEST_TO_PROVE = 6  # seeds: with 5, a two-sided sign-flip test gives at least 2 / 2**5
RESAMPLES = 9_999
MOST_FLIPS = 2**14  # all of them up to 14 seeds; with more, a random sample of this size

Verdict = Literal["better", "no proven gain", "worse"]


def verdict_of(interval: tuple[float, float] | None) -> Verdict:
    """Return better or worse only if the whole interval of a gain agrees."""
    if interval is None:
        return "no proven gain"
    if interval[0] > 0:
        return "better"
    return "worse" if interval[1] < 0 else "no proven gain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of two arms on paired seeds.

    Attributes:
        gain: mean over seeds, in units of the metric; positive is better, whatever the direction.
        interval: 95 % interval of the gain, by a paired bootstrap (bias-corrected and accelerated:
            Efron 1987, "Better Bootstrap Confidence Intervals"); None with one seed.
        probability: of improvement: share of seeds on which this arm is better; ties count half
            (Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks",
            section 4).
        p_value: of a two-sided sign-flip test: how often gains at least as large would occur if
            each seed's gain were as likely to have the other sign (Fisher 1935, "The Design of
            Experiments", section 21); exact up to 14 seeds.
        n: number of seeds.
    """

    gain: float
    interval: tuple[float, float] | None
    probability: float
    p_value: float
    n: int

    @property
    def verdict(self) -> Verdict:
        """Better or worse only if the test and the whole interval agree."""
        return verdict_of(None if self.p_value > 1 - CONFIDENCE else self.interval)


def compare(baseline: Sequence[float], other: Sequence[float], direction: Direction) -> Comparison:
    """Compare two arms by paired scores: one per seed, with the seeds in the same order.

    Raises:
        ValueError: no scores, different numbers of them, or a score that is not finite.
    """
    if len(baseline) != len(other) or not baseline:
        raise ValueError(f"{len(baseline)} scores against {len(other)}; pairs are needed")
    if not all(map(math.isfinite, (*baseline, *other))):
        raise ValueError("a score is not a finite number, so no gain can be computed")
    gains = paired_gains(baseline, other, direction)
    return Comparison(
        gain=fmean(gains),
        interval=_interval(gains),
        probability=fmean(0.5 if gain == 0 else gain > 0 for gain in gains),
        p_value=_sign_flip(gains),
        n=len(gains),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """The comparison of two arms on unpaired fresh seeds, from scores only.

    Attributes:
        gain: difference of the means; positive is better, whatever the direction.
        interval: of the gain, at 95 % over all looks at the same test rows (Welch 1947, "The
            Generalization of Student's Problem when Several Different Population Variances are
            Involved"); None with one seed, or if all scores of each arm are equal.
        p_value: of the same test, two-sided, times the factor by which the 5 % were split.
        n: seeds per arm.
    """

    gain: float
    interval: tuple[float, float] | None
    p_value: float
    n: int

    @property
    def verdict(self) -> Verdict:
        """Better or worse only if the whole interval agrees and there are enough seeds."""
        return verdict_of(None if self.n < FEWEST_TO_PROVE else self.interval)


def compare_alone(
    baseline: Sequence[float],
    other: Sequence[float],
    direction: Direction,
    share: Share = WHOLE,
) -> Alone:
    """Compare two arms by unpaired scores: equal seeds in both arms are not a pair.

    Measurements show that equal seeds of two arms correlate at most weakly, so pairing gains
    nothing.

    Args:
        share: of the 5 % that this look may use.

    Raises:
        ValueError: no scores, or one that is not finite.
    """
    if not baseline or not other or not all(map(math.isfinite, (*baseline, *other))):
        raise ValueError("each arm needs a score, and each score has to be a finite number")
    sign, n = sign_of(direction), min(len(baseline), len(other))
    gain = sign * (fmean(other) - fmean(baseline))
    if n < 2 or (len(set(baseline)) == 1 and len(set(other)) == 1):
        return Alone(gain=gain, interval=None, p_value=1.0, n=n)
    found = ttest_ind(
        sign * np.array(other, dtype=np.float64),
        sign * np.array(baseline, dtype=np.float64),
        equal_var=False,
    )
    low, high = found.confidence_interval(1 - share.alpha)
    p_value = min(1.0, float(found.pvalue) * ALPHA / share.alpha)
    return Alone(gain=gain, interval=(float(low), float(high)), p_value=p_value, n=n)


def paired_gains(
    baseline: Sequence[float | None], other: Sequence[float | None], direction: Direction
) -> list[float]:
    """Return how much better the other is, pair by pair; rounding differences count as zero."""
    sign = sign_of(direction)
    pairs = [
        (a, b) for a, b in zip(baseline, other, strict=False) if a is not None and b is not None
    ]
    return [0.0 if math.isclose(a, b, rel_tol=1e-12) else sign * (b - a) for a, b in pairs]


def are_equal(gains: Sequence[float]) -> bool:
    """Whether the gains differ by rounding only; a single gain always does."""
    return max(gains) - min(gains) <= 1e-9 * max(map(abs, gains))


def _interval(gains: Sequence[float]) -> tuple[float, float] | None:
    if len(gains) == 1:
        return None
    if are_equal(gains):
        return min(gains), max(gains)
    found = bootstrap(
        (np.array(gains),),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(0),  # so that the same scores give the same report
    ).confidence_interval
    return float(found.low), float(found.high)


def _sign_flip(gains: Sequence[float]) -> float:
    def mean_gain(
        gains: np.ndarray,
        zeros: np.ndarray,
        axis: int,
    ) -> np.ndarray:
        difference: np.ndarray = gains.mean(axis=axis) - zeros.mean(axis=axis)
        return difference

    if len(gains) == 1:
        return 1.0
    zeros = np.zeros(len(gains))
    found = permutation_test(
        (np.array(gains), zeros),
        mean_gain,
        permutation_type="samples",
        n_resamples=MOST_FLIPS,
        rng=np.random.default_rng(0),
        vectorized=True,
    )
    return float(found.pvalue)
