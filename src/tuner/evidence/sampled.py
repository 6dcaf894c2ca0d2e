"""What a random sample tells of all that it was drawn from, where that is finite."""

from __future__ import annotations

from scipy.stats import hypergeom

from tuner.evidence.comparison import CONFIDENCE


def interval(found: int, audited: int, among: int) -> tuple[int, int]:
    """Return between which numbers of all lie, where so many of a random sample were found.

    Exact, 95 %: the numbers under which neither tail has less than 2.5 % (Clopper & Pearson 1934,
    of a population that is finite: Wright 1991, "Exact confidence bounds when sampling from small
    finite universes", section 2).

    Args:
        audited: size of the sample; `among`: of all.
    """
    tail = (1 - CONFIDENCE) / 2
    able = [
        count
        for count in range(found, among - audited + found + 1)
        if hypergeom.sf(found - 1, among, count, audited) > tail
        and hypergeom.cdf(found, among, count, audited) > tail
    ]
    return min(able), max(able)
