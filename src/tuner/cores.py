"""How many processor cores there are to share, asked without importing torch."""

from __future__ import annotations

import os

WORKERS_PER_CORE = 4


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def most_workers() -> int:
    """Return how many workers may be asked for.

    More than one a core buy no time, but a study of a larger machine is repeated with as many as
    it had. Each is a process with a torch of its own, hundreds of MB: unbounded, they would take
    the machine down.
    """
    return WORKERS_PER_CORE * usable_cores()
