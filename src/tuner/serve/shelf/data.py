"""Data for the doors: what the machine's owner has put into a folder, and what was uploaded.

A name from the network is looked up among those there are; no path is ever made of it.
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
    """Tables and folders of pictures, by names like `uploads/houses.csv`.

    Attributes:
        folder: of the machine's owner; None: there is none.
        uploads: where uploads are kept; None: there are none.
    """

    folder: Path | None = None
    uploads: Path | None = None

    def names(self, door: str | None = None) -> list[str]:
        """Return what there is for a door; None: for any."""
        return [name for name, path in self._all().items() if door in {None, _door_of(path)}]

    def door(self, name: str) -> str:
        """Return the door that data goes through: it may have been sent through another.

        Raises:
            UsageError: there is none of that name.
        """
        return _door_of(self.path(name)) or ""

    def path(self, name: str) -> Path:
        """Return where data is.

        Raises:
            UsageError: there is none of that name.
        """
        found = self._all()
        if name not in found:
            raise unknown_name("data", "data", name, found)
        return found[name]

    def columns(self, name: str) -> list[str]:
        """Return the columns of a CSV file, as a study reads its header; else nothing."""
        path = self.path(name)
        if path.suffix.lower() not in {".csv", ".tsv"}:
            return []
        with suppress(DataError):  # a study says what is wrong with it
            return header_of(path) or []
        return []

    def remove(self, name: str) -> None:
        """Remove an upload.

        Raises:
            UsageError: it is none, or is not there.
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
    """Return the door that data goes through; None: it is something else."""
    if path.is_dir():
        return "images"
    return "table" if path.suffix.lower() in TABLES else None
