"""Distributes the GPUs of this machine among the studies that the service runs.

Nothing here uses CUDA: the web process computes nothing, and a context of its own would take GPU
memory. GPUs are named as in `tuner.engines.cards`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"
DEVICES = Path("/dev")  # where Linux lists its GPUs
NAMED = ("GPU-", "MIG-")


def cards_here(environment: Mapping[str, str] | None = None, devices: Path = DEVICES) -> list[str]:
    """Return the names of the GPUs that the service may use; empty if there are none.

    Args:
        environment: its CUDA_VISIBLE_DEVICES selects among them; None for that of this process.
            CUDA reads it up to the first invalid name, and so does this function.
        devices: folder with a file for each GPU.
    """
    there = len(list(devices.glob("nvidia[0-9]*")))
    listed = (os.environ if environment is None else environment).get(VISIBLE)
    if listed is None or not there:
        return [str(number) for number in range(there)]
    found: list[str] = []
    for name in map(str.strip, listed.split(",")):
        if not (name.startswith(NAMED) or (name.isdecimal() and int(name) < there)):
            break
        found.append(name)
    return list(dict.fromkeys(found))


@dataclass(slots=True)
class Seats:
    """The workers' places on GPUs, evenly distributed; each belongs to one job.

    Args:
        cards: names of the GPUs.
        slots: workers of the service.
    """

    cards: Sequence[str]
    slots: int
    _taken: dict[int, list[str]] = field(default_factory=dict)  # one GPU per worker, by job

    def take(self, job: int, workers: int) -> list[str] | None:
        """Reserve places for this many workers of a job; return their GPUs.

        The emptiest GPU comes first, so that a GPU is shared only if none is free. A job without
        workers sees no GPU.

        Returns:
            None if the machine has no GPUs.
        """
        if not self.cards:
            return None
        held = dict.fromkeys(self.cards, 0)
        for places in self._taken.values():
            for card in places:
                held[card] += 1
        mine: list[str] = []
        for _ in range(workers):
            emptiest = min(self.cards, key=lambda one: held[one] - self._room(one))
            held[emptiest] += 1
            mine.append(emptiest)
        self._taken[job] = mine
        return [one for one in self.cards if one in mine]

    def leave(self, job: int) -> None:
        """Release the places of a job that has ended."""
        self._taken.pop(job, None)

    def _room(self, card: str) -> int:
        """Return how many more workers fit on a GPU."""
        each, more = divmod(self.slots, len(self.cards))
        return each + (list(self.cards).index(card) < more)
