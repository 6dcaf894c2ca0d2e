"""Compares two configurations on the same rounds of fresh folds, for `ablate`.

The interval covers the luck of training and of the division into training and validation rows,
within the present development rows. It does not cover new test rows; for that, see `crossed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, variance
from typing import TYPE_CHECKING

from scipy.stats import t as student

from tuner.evidence.statistics.comparison import verdict_of
from tuner.evidence.statistics.looks import ALPHA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.evidence.statistics.comparison import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundGain:
    """The gain of one configuration over another on paired rounds.

    Attributes:
        gain: mean over rounds; positive is better.
        interval: at 95 %; None with one round, or if all gains are equal.
        p_value: two-sided; under 0.05 if the interval excludes zero.
        n: number of rounds.
    """

    gain: float
    interval: tuple[float, float] | None
    p_value: float
    n: int

    @property
    def verdict(self) -> Verdict:
        """Better or worse only if the whole interval agrees."""
        return verdict_of(self.interval)


def compare_rounds(gains: Sequence[float], held_out: float) -> RoundGain:
    """Return the mean gain over rounds with its interval; each gain is on the same seed and fold.

    Rounds share training rows, so their gains are not independent, and the usual variance of a mean
    is too small. Nadeau & Bengio 2003 ("Inference for the Generalization Error", section 4.2: the
    corrected resampled t-test) replace 1/n by 1/n + tested/trained.

    Args:
        gains: one per round (see `comparison.paired_gains`).
        held_out: validation rows divided by training rows, in one round: 1 / (k - 1) with k folds.

    Raises:
        ValueError: no gains, or an impossible share.
    """
    if not gains or held_out < 0:
        raise ValueError(
            f"{len(gains)} gains, {held_out} held out; one gain and a share are needed"
        )
    n, gain = len(gains), fmean(gains)
    spread = variance(gains) if n > 1 else 0.0
    if spread <= (1e-12 * max(map(abs, gains))) ** 2:
        return RoundGain(gain=gain, interval=None, p_value=1.0, n=n)
    error = (spread * (1 / n + held_out)) ** 0.5
    half = error * float(student.isf(ALPHA / 2, n - 1))
    p_value = 2 * float(student.sf(abs(gain) / error, n - 1))
    return RoundGain(gain=gain, interval=(gain - half, gain + half), p_value=p_value, n=n)


def share_held_out(sizes: Mapping[str, int]) -> float:
    """Return the validation rows divided by the training rows of a fold; 0 for a loop.

    Args:
        sizes: rows of a fold: `training` and `validation`.
    """
    return sizes["validation"] / max(sizes["training"], 1)
