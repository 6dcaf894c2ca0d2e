"""Notices test scores that run against the validation scores: `test` may score the other way."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEWEST = 4  # calls of each configuration; with fewer, chance can do it


def are_opposed(
    validation: Mapping[int, Sequence[float]], tested: Mapping[int, Sequence[float]]
) -> bool:
    """Whether the test scores order the configurations in the opposite way, beyond luck of seeds.

    This holds if some configuration has a higher validation score than another in each of their
    calls, and a lower test score in each. In no two configurations may both agree so. Calls that
    always give the same score hold this by the luck of rows alone, in up to half of the studies of
    equal configurations. So a report warns only if an interval on the test excludes zero.

    >>> are_opposed({0: [0.9] * 4, 1: [0.4] * 4}, {0: [0.7] * 4, 1: [0.8] * 4})
    True
    """
    pairs = [
        (above(validation, one, other), above(tested, one, other), above(tested, other, one))
        for one, other in permutations(validation, 2)
        if min(len(validation[one]), len(validation[other])) >= FEWEST
    ]
    agree = any(higher and same for higher, same, _ in pairs)
    return not agree and any(higher and opposite for higher, _, opposite in pairs)


def above(scores: Mapping[int, Sequence[float]], one: int, other: int) -> bool:
    """Whether each score of a configuration is higher than all of another."""
    return min(scores[one]) > max(scores[other])
