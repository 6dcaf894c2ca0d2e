"""The machine: its processor, cores, memory and versions. Imports no torch."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKERS_PER_CORE = 4
PACKAGES = ("tuner", "torch", "torchvision", "optuna", "numpy", "scikit-learn", "safetensors")


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


def machine() -> dict[str, Any]:
    """Versions, processor, cores and memory (GiB) of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
    }


def processors(session: Mapping[str, Any]) -> list[str]:
    """Return the processors that the fits of a study's session ran on."""
    cluster = session.get("cluster")
    return cluster["processors"] if cluster else [session["machine"].get("processor", "unknown")]


def _processor() -> str:
    """Return the processor's name: Linux keeps it in a file, elsewhere Python may know."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
