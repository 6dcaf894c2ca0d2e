"""In which order fits are begun, so that no slot waits for the last of them longer than it must."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

K = TypeVar("K")


def longest_first(lengths: Mapping[K, float]) -> list[K]:
    """Return keys in the order of their lengths, the longest first; of equal ones as they come.

    Begun in this order, fits end within 4/3 of the shortest time there is (Graham 1969, "Bounds on
    multiprocessing timing anomalies", SIAM J. Appl. Math. 17(2), theorem 2).
    """
    return sorted(lengths, key=lambda key: -lengths[key])


def that_fit_beside(
    wanted: Iterable[float], others: Mapping[K, float], slots: int
) -> dict[K, float]:
    """Return the other fits for slots that would otherwise wait for the last one that is wanted.

    Args:
        wanted: how long fits are expected to take, in any unit, in the order in which they begin.
        others: the same of other fits, by key. The first one is taken first, where it fits.
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
