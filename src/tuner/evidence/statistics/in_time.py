"""Test rows that follow each other in time.

If a model is right or wrong for a while on end, neighbouring rows tell the same thing twice, and
the variance over rows is too small for the mean over them. The variance of a mean over a series is
that of its slow waves. So the differences of the arms are projected on the slowest cosines, and the
mean square of these is Student's, with as many degrees of freedom as there are cosines (Lazarus,
Lewis, Stock & Watson 2018, "HAR Inference: Recommendations for Practice"; their number, 0.4 times
the number of rows to the power of 2/3, is theirs, too). Chosen by simulation (studies/verdict).

There are never more than 16, so that what is allowed for is a share of the test, not a number of
rows. With more, the shortest of them would be shorter than a day of a table with 500 rows a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.fft import dct

if TYPE_CHECKING:
    from tuner.evidence.statistics.components import Array


MOST = 16  # cosines


def waves(rows: int) -> int:
    """Return how many cosines tell the variance of a mean over so many rows, at least one."""
    return max(1, min(rows - 1, MOST, int(0.4 * rows ** (2 / 3))))


def widening_in_time(differences: Array) -> float:
    """Return the factor for the variance over rows: about one if neighbours are not correlated.

    Args:
        differences: of the arms (rows,), in the order of time; at least two.
    """
    variance = float(differences.var(ddof=1))
    if variance == 0:
        return 1.0
    slowest: Array = dct(differences, norm="ortho")[1 : waves(len(differences)) + 1]
    return float((slowest**2).mean()) / variance


def evenness_in_time(rows: int) -> float:
    """Return the degrees of freedom of that variance, as a share of those of separate rows."""
    return waves(rows) / (rows - 1)
