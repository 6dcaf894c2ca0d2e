"""Decides whose job is next, and how many of the service's workers it gets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tuner.serve.tables import Job

PRIORITIES = {"low": -1, "normal": 0, "high": 1}
CHORES = frozenset({"delete", "clean"})  # kinds of jobs that train nothing and need no worker
SETTLED = 60.0  # seconds for which a job keeps its initial number of workers


def in_turn(waiting: Iterable[Job], running: Iterable[Job], used: Mapping[str, float]) -> list[Job]:
    """Return waiting jobs in the order in which they start.

    The order is: higher priority; then the person with the fewest workers now; then the person who
    has used the least; then first come, first served. So a person with a hundred jobs does not
    block a person with one.

    Args:
        used: seconds of workers in the last day, by person.
    """
    held: Counter[str] = Counter()
    for job in running:
        held[job.who] += job.slots or 0
    by_person: dict[tuple[int, str], list[Job]] = {}
    for job in sorted(waiting, key=lambda one: one.id, reverse=True):
        by_person.setdefault((job.priority, job.who), []).append(job)
    order: list[Job] = []
    while by_person:
        first = min(
            by_person,
            key=lambda one: (
                *(-one[0], held[one[1]], used.get(one[1], 0.0)),
                by_person[one][-1].id,
            ),
        )
        job = by_person[first].pop()
        if not by_person[first]:
            del by_person[first]
        held[job.who] += 1
        order.append(job)
    return order


def share(slots: int, jobs: int) -> int:
    """Return how many of the service's workers each of `jobs` jobs may have."""
    return max(1, -(-slots // max(jobs, 1)))


def to_start_again(slots: int, running: Sequence[Job], waiting: int, now: float) -> Job | None:
    """Return the running study that should restart with another number of workers, if any.

    If somebody waits and no worker is free, the study with the most gives some up. If nobody waits,
    a study that could have twice as many gets them. It continues where it was, and its results do
    not depend on the number of workers. A job that has just started is left alone.

    Args:
        waiting: number of jobs that need a worker.
        now: seconds since 1970.
    """
    studies = [
        job
        for job in running
        if job.kind == "study"
        and job.wish == ""
        and job.started is not None
        and now - job.started >= SETTLED
    ]
    if not studies:
        return None
    free = slots - sum(job.slots or 0 for job in running)
    if waiting:
        most = max(studies, key=lambda job: job.slots or 0)
        return most if free <= 0 and (most.slots or 0) > 1 else None
    least = min(studies, key=lambda job: job.slots or 0)
    busy = sum(job.kind not in CHORES for job in running)
    had = max(least.slots or 0, 1)
    return least if had + free >= 2 * had and share(slots, busy) >= 2 * had else None


def priority_word(priority: int) -> str:
    """Return the name of a priority."""
    return next((name for name, one in PRIORITIES.items() if one == priority), str(priority))
