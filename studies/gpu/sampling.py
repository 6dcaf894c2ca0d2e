"""What nvidia-smi sees while something runs: how busy the card is, and its memory."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = [
    "--query-gpu=utilization.gpu,memory.used",
    "--format=csv,noheader,nounits",
    "--loop-ms=250",
]
SECONDS_OF_A_MEAN = 5


class Look(NamedTuple):
    """What a card was doing.

    Attributes:
        at: time.time().
        busy: per cent of the time since the look before.
        mebibytes: of its memory that are taken.
    """

    at: float
    busy: float
    mebibytes: float


@dataclass
class Samples:
    """Four looks a second at all cards together."""

    looks: list[Look] = field(default_factory=list)

    def facts(self, search: tuple[float, float] | None = None) -> dict[str, Any]:
        """What they come to; nothing, where nobody looked.

        Args:
            search: when the search began and ended: the rest of a command has other things to do.
        """
        if not self.looks:
            return {"card_busy": "not measured: nvidia-smi told nothing"}
        began = self.looks[0].at
        each: dict[int, list[float]] = {}
        for look in self.looks:
            each.setdefault(int(look.at - began) // SECONDS_OF_A_MEAN, []).append(look.busy)
        found = {
            "card_busy_per_cent": round(fmean(look.busy for look in self.looks), 1),
            "card_memory_peak_mib": max(look.mebibytes for look in self.looks),
            "looks": len(self.looks),
            f"busy_by_{SECONDS_OF_A_MEAN}_s": [round(fmean(busy)) for busy in each.values()],
        }
        during = [look.busy for look in self.looks if search and search[0] <= look.at <= search[1]]
        return found | ({"busy_in_search_per_cent": round(fmean(during), 1)} if during else {})


@contextmanager
def sampled() -> Iterator[Samples]:
    """Look at the cards as long as this block runs."""
    samples = Samples()
    if (program := shutil.which("nvidia-smi")) is None:
        yield samples
        return
    looking = subprocess.Popen([program, *QUERY], stdout=subprocess.PIPE, text=True)
    reader = threading.Thread(target=_read, args=(looking, samples), daemon=True)
    reader.start()
    try:
        yield samples
    finally:
        looking.kill()
        looking.wait()
        reader.join(5)


def _read(looking: subprocess.Popen[str], samples: Samples) -> None:
    for line in looking.stdout or ():
        busy, _, memory = line.partition(",")
        if busy.strip().isdecimal() and memory.strip().isdecimal():
            samples.looks.append(Look(time.time(), float(busy), float(memory)))
