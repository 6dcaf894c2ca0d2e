"""What a random sample tells about the finite population that it was drawn from."""

from __future__ import annotations

from scipy.stats import hypergeom

from tuner.evidence.statistics.comparison import CONFIDENCE


def interval(found: int, audited: int, among: int) -> tuple[int, int]:
    """Return a 95 % interval of how many of a population have what some of a sample have.

    Exact: the numbers under which neither tail has less than 2.5 % (Clopper & Pearson 1934; of a
    finite population: Wright 1991, "Exact confidence bounds when sampling from small finite
    universes", section 2).

    Args:
        found: how many of the sample have it.
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
