"""Walks a folder: finds pictures by their names, and counts what it leaves out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.data.formats import SUFFIXES
from tuner.errors import DataError
from tuner.language import said

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

SYSTEM = {"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "icon\r"}


def told(left_out: Counter[str]) -> str:
    """Return how many files were left out, by reason, in words."""
    return "; ".join(f"{reason}: {count:,}" for reason, count in left_out.items() if count)


@dataclass(frozen=True, slots=True)
class Inside:
    """Walks a folder, and counts what it leaves out. Links are followed only to files inside."""

    root: Path
    left_out: Counter[str]

    def folders(self, folder: Path) -> Iterator[Path]:
        """Yield the folders in a folder, by name, but not links to folders."""
        for path in self._sorted(folder):
            if _is_hidden(path):
                self.left_out[said("hidden or system files")] += 1
            elif path.is_symlink() and path.is_dir():
                self.left_out[said("links to folders")] += 1
            elif path.is_dir():
                yield path

    def count_loose(self, folder: Path) -> None:
        """Count the pictures directly in a folder, which are not in one of its folders."""
        count = sum(1 for _ in self.loose(folder))
        self.left_out[said("pictures beside the folders of classes")] += count

    def loose(self, folder: Path) -> Iterator[Path]:
        """Yield the pictures directly in a folder."""
        for path in self._sorted(folder):
            if not _is_hidden(path) and path.is_file() and path.suffix.lower() in SUFFIXES:
                yield path

    def files(self, folder: Path) -> Iterator[Path]:
        """Yield the pictures in a folder and its subfolders."""
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
                first.lstat()  # a folder may allow listing names but not reading files
            return found
        except OSError as error:
            raise DataError(f"{folder} cannot be read: {error.strerror}") from error

    def _leads_inside(self, link: Path) -> bool:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):  # a dangling or circular link
            return False
        return target.is_file() and target.is_relative_to(self.root)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in SYSTEM
