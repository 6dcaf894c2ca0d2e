"""How often a test set was looked at, what that costs, and when it is used up."""

from __future__ import annotations

import math

from scipy.stats import norm

ALPHA = 0.05  # of a false claim, either way, over all looks at one test set


def alpha_for(looks: int) -> float:
    """Return the two-sided error rate that one look may use: the whole, split evenly (Bonferroni).

    Bonferroni needs nothing of the looks: they share their rows, some share models, and nobody
    knows how much. It holds for look number `looks` whatever comes later: the first study on a
    fresh test set has the whole 5 %, the twentieth a twentieth. Earlier intervals are read again
    with all looks so far, so all of them hold together.

    Raises:
        ValueError: fewer looks than one.
    """
    if looks < 1:
        raise ValueError(f"{looks} looks; a comparison is one at least")
    return ALPHA / looks


def widening(looks: int) -> float:
    """Return how much wider an interval is than after one look, where rows and seeds are many."""
    return float(norm.isf(alpha_for(looks) / 2)) / float(norm.isf(ALPHA / 2))


def most_looks(rows: int) -> int:
    """Return after how many looks a test set of so many rows is used up.

    Bonferroni covers looks that were planned without the answers of earlier ones. A person who
    reads a report and then changes the case has learned from the test rows. Two bounds say how long
    the split interval is wider than what can be learned in this way:

    * Blum & Hardt 2015 ("The Ladder", the boosting attack): a majority vote of k random answers,
      each turned the way the test set liked better, gains 2/pi * sqrt(k) standard errors out of
      nothing. The half-width of the split interval, `norm.isf(ALPHA / 2 / k)` standard errors,
      grows more slowly; it is overtaken after 23 looks.
    * A report tells two error counts, log2(rows + 1) bits each. When all reports together could
      spell out one bit a row, they could hold every label: rows / (2 log2(rows + 1)) looks.

    So 2 looks at 20 rows, 11 at 171, 23 at 500 or more.

    Raises:
        ValueError: no rows.
    """
    if rows < 1:
        raise ValueError(f"{rows} test rows; at least one is needed")
    spelt = rows / (2 * math.log2(rows + 1))
    looks = 1
    while looks + 1 <= spelt and _climb(looks + 1) <= norm.isf(alpha_for(looks + 1) / 2):
        looks += 1
    return looks


def is_used_up(looks: int, rows: int) -> bool:
    """Whether a test set has been looked at too often for a verdict to be believed."""
    return looks > most_looks(rows)


def _climb(looks: int) -> float:
    return 2 / math.pi * math.sqrt(looks)
