"""Test rows that belong together: of one person, of one place, of one picture and its copies.

What a model has learned about a person, it gets right or wrong in all rows of that person, so ten
rows of one person tell less than rows of ten. New data has other persons. So groups are resampled,
and each counts as one. A mean over rows is then a ratio of two sums over groups, their losses and
their sizes. Its variance is that of the mean over groups of

    mean + (sum of the group's losses - mean times its size) times groups / rows

to first order (Cochran 1977, "Sampling Techniques", chapter 9A). For rows that are groups of one,
these are their own losses.

If one group is much larger than the others, the mean follows it: its own residual is small, and the
variance is too small. So the variance is multiplied by the factor that corrects this if the groups'
means vary alike (Bell & McCaffrey 2002, "Bias Reduction in Standard Errors for Linear Regression
with Multi-Stage Samples"). Its degrees of freedom are those of the number of equal groups that tell
as much (Kish 1965, "Survey Sampling", section 8.2): one group beside 15 groups of a thirtieth of
its rows counts as two. Both were chosen by simulation (studies/verdict).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tuner.evidence.statistics.components import Array

    Groups = NDArray[np.int64]


def numbered(groups: Groups) -> Groups:
    """Return the group of each row (rows,), numbered from zero without gaps."""
    found: Groups = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return found


def count(groups: Groups) -> int:
    """Return the number of groups."""
    return int(groups.max()) + 1


def by_group(losses: Array, groups: Groups) -> Array:
    """Return losses of groups whose mean and variance are those of the mean over rows.

    Args:
        losses: (seeds, rows).
        groups: of each row (rows,), numbered from zero without gaps.

    Returns:
        (seeds, groups).
    """
    means = losses.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(groups, own) for own in losses - means])
    found: Array = means + sums * (count(groups) / losses.shape[1])
    return found


def widening(groups: Groups | None) -> float:
    """Return the factor for the variance over groups: 1 if all have one size, or without groups.

    Args:
        groups: of each row (rows,); None if each row is a group of its own.
    """
    if groups is None:
        return 1.0
    shares = _shares(groups)
    size, squares = len(shares), float((shares**2).sum())
    if size < 2:
        return 1.0
    left = float((shares**2 * (1 - 2 * shares + squares)).sum())  # of `squares`, in the residuals
    return squares / left * (size - 1) / size


def evenness(groups: Groups | None) -> float:
    """Return the degrees of freedom of that variance, as a share of those of groups of one size.

    Args:
        groups: as in `widening`.
    """
    if groups is None:
        return 1.0
    shares = _shares(groups)
    return (1 / float((shares**2).sum()) - 1) / (len(shares) - 1) if len(shares) > 1 else 1.0


def _shares(groups: Groups) -> Array:
    """Return the share of all rows that each group has (groups,)."""
    counts: Array = np.bincount(groups).astype(np.float64)
    return counts / len(groups)


def error_of_mean(values: Array, groups: Groups | None) -> float | None:
    """Return the standard error of a mean over rows; None if there are fewer than two groups.

    Args:
        values: (rows,).
        groups: of each row; None if each row is a group of its own.
    """
    units = values[None] if groups is None else by_group(values[None], groups)
    size = units.shape[1]
    return None if size < 2 else float(units.std(ddof=1)) * float((widening(groups) / size) ** 0.5)
