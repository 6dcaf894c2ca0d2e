"""Facts about the machine: processor, cores, memory, versions, addresses. Imports no torch."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORKERS_PER_CORE = 4
CONTROL_GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # of Linux
OWN_SCORE, ENDED_FIRST = Path("/proc/self/oom_score_adj"), 500
PACKAGES = ("tuner", "torch", "torchvision", "optuna", "numpy", "scikit-learn", "safetensors")

# For mallopt(3): sizes in bytes from which on freed memory at the end of the heap is returned to
# the system, and blocks are allocated separately.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
NEVER, LARGEST_KEPT = 2**31 - 1, 2**30


def usable_cores() -> int:
    """Return the number of cores that this process may use, within its quota."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quota = cpu_quota(CONTROL_GROUPS, OWN_GROUPS)
    return cores if quota is None else max(1, min(cores, int(quota)))


def cpu_quota(root: Path, own: Path) -> float | None:
    """Return the number of cores' worth of time that Linux gives this process, as in a container.

    Kernel documentation: admin-guide/cgroup-v2 (`cpu.max`) and scheduler/sched-bwc
    (`cpu.cfs_quota_us`). The parents of a process's group limit it too.

    Args:
        root: where control groups are mounted.
        own: the file with the names of the process's groups.

    Returns:
        The smallest quota; None if there is no limit, or no control group.
    """
    found = map(_quota, _groups(root, own, "cpu"))
    return min((quota for quota in found if quota is not None), default=None)


def usable_memory() -> int:
    """Return the bytes of memory that this process may use: the machine's, within its limit."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = memory_limit(CONTROL_GROUPS, OWN_GROUPS)
    return memory if limit is None else min(memory, limit)


def memory_limit(root: Path, own: Path) -> int | None:
    """Return the bytes of memory above which Linux kills this process, as in a container.

    Kernel documentation: admin-guide/cgroup-v2 (`memory.max`, and `memory.high`, above which the
    process is slowed down) and admin-guide/cgroup-v1/memory (`memory.limit_in_bytes`, which exceeds
    any memory if there is no limit). Arguments as in `cpu_quota`.

    Returns:
        The smallest limit; None if there is none, or no control group.
    """
    found: list[int] = []
    for group in _groups(root, own, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # no such file, or "max"
                found.append(int((group / name).read_text(encoding="utf-8")))
    return min((limit for limit in found if limit > 0), default=None)


def _groups(root: Path, own: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that limit this process: its own and its parents."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mounts = (
            [root / controllers, root / controller] if controllers else [root, root / "unified"]
        )
        group = Path(path.lstrip("/"))
        for mount in mounts:
            yield from (mount / part for part in (group, *group.parents))


def _quota(group: Path) -> float | None:
    """Return the quota of one group, in cores; None if it has none."""
    with suppress(OSError, ValueError):
        quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        return int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota, period = (
            (group / name).read_text(encoding="utf-8")
            for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
        return int(quota) / int(period) if int(quota) > 0 else None
    return None


def most_workers() -> int:
    """Return the largest number of workers that may be asked for.

    More than one per core saves no time, but repeating a study from a larger machine needs as many
    as it had. Each is a process that loads torch, hundreds of MB: without a limit, they could use
    up the machine's memory.
    """
    return WORKERS_PER_CORE * usable_cores()


def keep_memory() -> None:
    """Make this process keep and reuse the memory that it frees.

    The C library of Linux returns large blocks to the system, which then has to provide each page
    again: 50,000 per second, and a fifth of the time when `mnist` trains (studies/speed/pages.py).
    Nothing is changed for other C libraries.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, NEVER)


def be_ended_first() -> None:
    """Make Linux kill this process, not the one that waits for it, if memory runs out.

    A killed worker is noticed, reported and started again. If the waiting process is killed, the
    user only sees "Killed". Child processes of this process inherit the setting. (proc(5):
    oom_score_adj, from -1000 to 1000; raising it needs no right.)
    """
    with suppress(OSError, ValueError):  # another system, or another container's rule
        if int(OWN_SCORE.read_text(encoding="utf-8")) < ENDED_FIRST:
            OWN_SCORE.write_text(str(ENDED_FIRST), encoding="utf-8")


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, which no other can reach under that name or address.

    >>> is_this_machine("localhost"), is_this_machine("::1"), is_this_machine("192.168.0.2")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def machine() -> dict[str, Any]:
    """Return versions, processor, cores and memory (GiB) of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "python": platform.python_version(),
        **_versions(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
    }


def processors(session: Mapping[str, Any]) -> list[str]:
    """Return the processors that the fits of a study's session ran on."""
    cluster = session.get("cluster")
    return cluster["processors"] if cluster else [session["machine"].get("processor", "unknown")]


@cache  # each is read from a file, and needed for each model's file
def _versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}


@cache
def _processor() -> str:
    """Return the processor's name: Linux has it in a file, elsewhere Python may know it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
