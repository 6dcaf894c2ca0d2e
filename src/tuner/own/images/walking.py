"""Which files of a folder are pictures by their names, and what of it is left out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.errors import DataError
from tuner.language import said

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

# Of other file formats that hold pictures, none is read by tuner.data.images.
SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
}  # fmt: skip
SYSTEM = {"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "icon\r"}


def told(left_out: Counter[str]) -> str:
    """Write how many files were left out, by the reason."""
    return "; ".join(f"{reason}: {count:,}" for reason, count in left_out.items() if count)


@dataclass(frozen=True, slots=True)
class Inside:
    """Walks a folder, and counts what it leaves out. Links are followed to files inside only."""

    root: Path
    left_out: Counter[str]

    def folders(self, folder: Path) -> Iterator[Path]:
        """Yield the folders in a folder, by name; of links to folders, none."""
        for path in self._sorted(folder):
            if _is_hidden(path):
                self.left_out[said("hidden or system files")] += 1
            elif path.is_symlink() and path.is_dir():
                self.left_out[said("links to folders")] += 1
            elif path.is_dir():
                yield path

    def count_loose(self, folder: Path) -> None:
        """Count the pictures that lie in a folder itself, beside those of its folders."""
        count = sum(1 for _ in self.loose(folder))
        self.left_out[said("pictures beside the folders of classes")] += count

    def loose(self, folder: Path) -> Iterator[Path]:
        """Yield the pictures that lie in a folder itself."""
        for path in self._sorted(folder):
            if not _is_hidden(path) and path.is_file() and path.suffix.lower() in SUFFIXES:
                yield path

    def files(self, folder: Path) -> Iterator[Path]:
        """Yield the pictures of a folder and of those in it."""
        deeper: list[Path] = []
        for path in self._sorted(folder):
            if _is_hidden(path):
                self.left_out[said("hidden or system files")] += 1
            elif path.is_symlink() and not self._leads_inside(path):
                self.left_out[said("links that lead outside, to folders or to nothing")] += 1
            elif path.is_dir():
                deeper.append(path)
            elif path.suffix.lower() in SUFFIXES:
                yield path
            else:
                self.left_out[said("not a picture by its name")] += 1
        for path in deeper:
            yield from self.files(path)

    def _sorted(self, folder: Path) -> list[Path]:
        try:
            found = sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
            for first in found[:1]:
                first.lstat()  # names of a folder may be seen where its files may not
            return found
        except OSError as error:
            raise DataError(f"{folder} cannot be read: {error.strerror}") from error

    def _leads_inside(self, link: Path) -> bool:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):  # it leads to nothing, or round in a loop
            return False
        return target.is_file() and target.is_relative_to(self.root)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in SYSTEM
