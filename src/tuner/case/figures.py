"""Writes a score in a line of text, with as many digits as it needs."""

from __future__ import annotations

import math

USUAL = 4  # decimals
FEWEST, MOST = 3, 6  # significant digits of a small one, and of a large one
TINY = 1e-6  # at or below it, an exponent is used


def score_text(score: float) -> str:
    """Write a score with four decimals; more of them if it is small, fewer if it is large.

    >>> [score_text(one) for one in (0.98765432, 0.00012345, 3.2e-9, 0.0, 12345.678)]
    ['0.9877', '0.000123', '3.2e-09', '0.0000', '12345.7']
    """
    if not math.isfinite(score) or 0 < abs(score) < TINY:
        return f"{score:.{FEWEST}g}"
    return f"{score:.{_decimals(score)}f}"


def mean_text(mean: float, deviation: float | None) -> str:
    """Write a mean and its standard deviation with the same decimals.

    >>> mean_text(0.00012345, 0.00001), mean_text(0.5, 1e-9), mean_text(0.5, None)
    ('0.000123 ± 0.000010', '0.5000 ± 1e-09', '0.5000')
    """
    if deviation is None:
        return score_text(mean)
    if not math.isfinite(mean) or 0 < abs(mean) < TINY:
        return f"{mean:.{FEWEST}g} ± {deviation:.2g}"
    spread = f"{deviation:.{_decimals(mean)}f}"
    if deviation and not spread.strip("0."):
        spread = f"{deviation:.2g}"
    return f"{score_text(mean)} ± {spread}"


def _decimals(score: float) -> int:
    if not score:
        return USUAL
    before = math.floor(math.log10(abs(score))) + 1  # digits before the point; negative if small
    return max(FEWEST - before, min(USUAL, max(MOST - before, 0)))
