"""The cards (GPUs) of this machine, shared by the studies that the service runs.

Nothing here uses CUDA: the web process computes nothing, and a context of its own would take
memory of a card. A card is named as in `tuner.engines.cards`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"
DEVICES = Path("/dev")  # where Linux has its cards
NAMED = ("GPU-", "MIG-")


def cards_here(environment: Mapping[str, str] | None = None, devices: Path = DEVICES) -> list[str]:
    """Return the names of the cards that the service may use; empty where there are none.

    Args:
        environment: whose CUDA_VISIBLE_DEVICES chooses among them; None: that of this process.
            CUDA reads it up to the first name that cannot be one, and so does this.
        devices: folder with a file a card.
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
    """Workers on cards: as many on each as come out even, and each of them is one job's.

    Args:
        cards: names of the cards.
        slots: workers of the service.
    """

    cards: Sequence[str]
    slots: int
    _taken: dict[int, list[str]] = field(default_factory=dict)  # a card a worker, by job

    def take(self, job: int, workers: int) -> list[str] | None:
        """Give a job that many workers' places; return the cards on which they are.

        The emptiest card comes first, so that a card is shared only when there is none left. A job
        without workers sees no card.

        Returns:
            None where the machine has no cards.
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
        """Have a job that has ended use no card any more."""
        self._taken.pop(job, None)

    def _room(self, card: str) -> int:
        """Return how many workers a card has place for."""
        each, more = divmod(self.slots, len(self.cards))
        return each + (list(self.cards).index(card) < more)
