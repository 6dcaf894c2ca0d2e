"""Free space on the disk: how much is left, what uses it, and when to stop trainings."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuner.errors import DepotError, UsageError
from tuner.language import said
from tuner.runs.folder.belongings import bundles_of, folders_of, size_of
from tuner.workplace import database_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tuner.workplace import Workplace

LEAST_FREE = 0.05  # share of the disk; with less, no training is started
SECONDS_FRESH = 30.0  # for which a measurement is reused
LARGEST = 20  # studies in the list of the largest
FULL = said("less than 5 % of the disk is free, so nothing can be added")


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk, in bytes."""

    total: int
    free: int

    @property
    def is_full(self) -> bool:
        """Whether there is too little free space to write anything more."""
        return self.free < LEAST_FREE * self.total


@dataclass(frozen=True, slots=True)
class Usage:
    """The disk usage of a storage folder, in bytes.

    Attributes:
        parts: by kind of content.
        studies: reports, models and weights of the largest studies, by name.
    """

    parts: dict[str, int]
    studies: dict[str, int]


def disk_of(folder: Path) -> Disk:
    """Return the disk that a folder is on; the folder may not exist yet."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    found = shutil.disk_usage(there)
    return Disk(found.total, found.free)


@dataclass(slots=True)
class Room:
    """The disk of a storage folder.

    Args:
        workplace: the storage folder.
        look: returns the disk of a folder.
    """

    workplace: Workplace
    look: Callable[[Path], Disk] = disk_of
    _kept: tuple[float, Usage] | None = None
    _lock: Any = field(default_factory=threading.Lock)

    def disk(self) -> Disk:
        """Return the disk as it is now; the fuller one if models are on another disk."""
        disks = [self.look(self.workplace.root)]
        with suppress(DepotError):
            folder = self.workplace.depot.folder
            if folder is not None and folder != self.workplace.root:
                disks.append(self.look(folder))
        return min(disks, key=lambda one: one.free / max(1, one.total))

    def check(self, size: int = 0) -> None:
        """Check that a number of bytes fits into the storage folder.

        Raises:
            UsageError: they do not fit, or the disk is full.
        """
        disk = self.look(self.workplace.root)
        if disk.is_full:
            raise UsageError(FULL)
        left = int(disk.free - LEAST_FREE * disk.total)
        if size > left:
            raise UsageError(
                said(
                    "{size} MiB do not fit on the disk: {left} MiB are left above the 5 % that "
                    "stay free; send less, or ask an admin to remove something",
                    size=-(-size // 2**20),
                    left=left // 2**20,
                )
            )

    def of_study(self, name: str) -> int:
        """Return the bytes of the reports, models and weights of a study.

        Models that are unreachable now do not count.
        """
        with suppress(DepotError):
            models = sum(one.bytes for one in bundles_of(self.workplace, name))
            return models + sum(_size(path) for path in folders_of(self.workplace, name))
        return sum(_size(path) for path in folders_of(self.workplace, name))

    def usage(self) -> Usage:
        """Return what uses the space; measured again after half a minute."""
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > SECONDS_FRESH:
                self._kept = time.monotonic(), self._measure()
            return self._kept[1]

    def _measure(self) -> Usage:
        place = self.workplace
        kinds = {
            "reports": place.report("any").parent,
            "weights of confirmations": place.confirmation("any").parent,
        }
        studies: dict[str, int] = {}
        parts: dict[str, int] = {}
        for words, folder in kinds.items():
            sizes = {one.name: _size(one) for one in _inside(folder)}
            parts[words] = sum(sizes.values())
            for name, size in sizes.items():
                studies[name] = studies.get(name, 0) + size
        models, dashboard = self._in_depots()
        for name, size in models.items():
            studies[name] = studies.get(name, 0) + size
        parts["models"] = sum(models.values())
        largest = sorted(studies.items(), key=lambda one: -one[1])[:LARGEST]
        parts["files of the dashboard"] = dashboard
        parts["cached data"] = _size(place.cache)
        parts["raw data"] = _size(place.data)
        parts["uploads"] = _size(place.root / "uploads")
        parts["what jobs print"] = _size(place.root / "jobs")
        file = database_file(place.url)
        if file is not None:
            beside = file.parent.glob(f"{file.name}-*") if file.parent.is_dir() else ()
            parts["database"] = sum(_size(one) for one in (file, *beside))
        return Usage(parts, dict(largest))

    def _in_depots(self) -> tuple[dict[str, int], int]:
        """Return the bytes of each study's models, and of the dashboard's files, in all depots."""
        models: dict[str, int] = {}
        dashboard = 0
        with suppress(DepotError):
            for depot in self.workplace.depots:
                for one in depot.studies():
                    models[one.study] = models.get(one.study, 0) + one.bytes
                dashboard += sum(one.bytes for one in depot.artifacts())
        return models, dashboard


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    """Return the bytes of a file or folder; 0 if it has just been removed."""
    with suppress(OSError):
        return size_of(path)
    return 0
