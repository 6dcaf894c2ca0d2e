"""Orders fits so that slots do not wait for the last one longer than necessary."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

K = TypeVar("K")


def longest_first(lengths: Mapping[K, float]) -> list[K]:
    """Return keys in the order of their lengths, longest first; equal ones keep their order.

    If fits begin in this order, they all end within 4/3 of the shortest possible time (Graham 1969,
    "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17(2), theorem 2).
    """
    return sorted(lengths, key=lambda key: -lengths[key])


def that_fit_beside(
    wanted: Iterable[float], others: Mapping[K, float], slots: int
) -> dict[K, float]:
    """Return the other fits that can run in slots while these wait for the last wanted fit.

    Args:
        wanted: expected durations of the wanted fits, in any unit, in the order in which they
            begin.
        others: expected durations of the other fits, by key; earlier ones take precedence.
        slots: fits that run at once.
    """
    free_at = [0.0] * slots  # a heap: the next free slot is the first
    for length in wanted:
        heapq.heapreplace(free_at, free_at[0] + length)
    last, fitting = max(free_at), {}
    for key, length in others.items():
        if free_at[0] + length <= last:
            heapq.heapreplace(free_at, free_at[0] + length)
            fitting[key] = length
    return fitting
