"""What a random sample tells about its finite population."""

from __future__ import annotations

from scipy.stats import hypergeom

from tuner.evidence.statistics.comparison import CONFIDENCE


def interval(found: int, audited: int, among: int) -> tuple[int, int]:
    """Return a 95 % interval of how many members of a population have a property.

    It is exact: the numbers for which neither tail has less than 2.5 % (Clopper & Pearson 1934; for
    a finite population: Wright 1991, "Exact confidence bounds when sampling from small finite
    universes", section 2).

    Args:
        found: number in the sample that have it.
        audited: size of the sample.
        among: size of the population.
    """
    tail = (1 - CONFIDENCE) / 2
    able = [
        count
        for count in range(found, among - audited + found + 1)
        if hypergeom.sf(found - 1, among, count, audited) > tail
        and hypergeom.cdf(found, among, count, audited) > tail
    ]
    return min(able), max(able)
