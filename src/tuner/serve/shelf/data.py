"""Data for the doors: from the folder of the machine's owner, and from uploads.

A name from the network is looked up in the list of existing data. It never becomes a path.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.data.sources.plain import header_of
from tuner.errors import DataError, UsageError, unknown_name
from tuner.files import remove_folder
from tuner.language import said

if TYPE_CHECKING:
    from pathlib import Path

OWNERS, UPLOADS = "data", "uploads"
TABLES = {".csv", ".tsv", ".parquet"}


@dataclass(frozen=True, slots=True)
class DataShelf:
    """Tables and folders of pictures, with names like `uploads/houses.csv`.

    Attributes:
        folder: of the machine's owner; None if there is none.
        uploads: folder of the uploads; None if there is none.
    """

    folder: Path | None = None
    uploads: Path | None = None

    def names(self, door: str | None = None) -> list[str]:
        """Return the names of the data for a door; None for all doors."""
        return [name for name, path in self._all().items() if door in {None, _door_of(path)}]

    def door(self, name: str) -> str:
        """Return the door that data goes through.

        Raises:
            UsageError: there is no data of that name.
        """
        return _door_of(self.path(name)) or ""

    def path(self, name: str) -> Path:
        """Return the path of data.

        Raises:
            UsageError: there is no data of that name.
        """
        found = self._all()
        if name not in found:
            raise unknown_name("data", "data", name, found)
        return found[name]

    def columns(self, name: str) -> list[str]:
        """Return the columns of a CSV file, as a study reads its header; empty for other data."""
        path = self.path(name)
        if path.suffix.lower() not in {".csv", ".tsv"}:
            return []
        with suppress(DataError):  # a study reports what is wrong with it
            return header_of(path) or []
        return []

    def remove(self, name: str) -> None:
        """Remove an upload.

        Raises:
            UsageError: it does not exist, or is not an upload.
        """
        if not name.startswith(f"{UPLOADS}/"):
            raise UsageError(
                said("{name} is not an upload; only the machine's owner can remove it", name=name)
            )
        path = self.path(name)
        if path.is_dir():
            remove_folder(path)
        else:
            path.unlink()

    def _all(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for place, folder in ((OWNERS, self.folder), (UPLOADS, self.uploads)):
            if folder is not None and folder.is_dir():
                for path in sorted(folder.iterdir()):
                    if not path.name.startswith(".") and _door_of(path):
                        found[f"{place}/{path.name}"] = path.resolve()
        return found


def _door_of(path: Path) -> str | None:
    """Return the door that data goes through; None if it is something else."""
    if path.is_dir():
        return "images"
    return "table" if path.suffix.lower() in TABLES else None
