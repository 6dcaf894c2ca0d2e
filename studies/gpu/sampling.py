"""What nvidia-smi sees while something runs: how busy the card is, and its memory."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = [
    "--query-gpu=utilization.gpu,memory.used",
    "--format=csv,noheader,nounits",
    "--loop-ms=250",
]


@dataclass
class Samples:
    """Four looks a second at all cards together."""

    busy: list[float] = field(default_factory=list)  # per cent of the time between two looks
    mebibytes: list[float] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """What they come to; nothing, where nobody looked."""
        if not self.busy:
            return {"card_busy": "not measured: nvidia-smi told nothing"}
        return {
            "card_busy_per_cent": round(fmean(self.busy), 1),
            "card_memory_peak_mib": max(self.mebibytes),
            "looks": len(self.busy),
        }


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
            samples.busy.append(float(busy))
            samples.mebibytes.append(float(memory))
