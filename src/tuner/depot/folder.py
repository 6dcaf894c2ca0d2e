"""A depot in a folder on a disk of this machine."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tuner.depot import packing
from tuner.depot.contract import ARTIFACTS, BUNDLES, MANIFEST, Kept
from tuner.errors import DepotError
from tuner.files import read_whole, remove_folder, replacing, replacing_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

# Patterns of unfinished files of files.py, of tempfile, and of a new database.
UNFINISHED = re.compile(r"\..+\.[a-z0-9_]{8}|.+\.db\.\d+\.new")


@dataclass(frozen=True, slots=True)
class FolderDepot:
    """A folder that contains the folders `bundles` and `artifacts`.

    Attributes:
        folder: its path.
        must_exist: whether a missing folder is an error, because its disk may not be mounted.
    """

    folder: Path
    must_exist: bool = False

    @property
    def url(self) -> str:
        """Its path."""
        return str(self.folder)

    def studies(self) -> list[Kept]:
        """Return the folders of studies."""
        return [self._kept(path) for path in self._visible(BUNDLES)]

    def bundles(self, study: str | None = None) -> list[Kept]:
        """Return all folders with a manifest, without links that lead elsewhere."""
        top = self.folder / BUNDLES
        return [
            self._kept(path)
            for one in self._visible(BUNDLES)
            if study in {None, one.name}
            for path in self._visible(f"{BUNDLES}/{one.name}")
            if (path / MANIFEST).exists() and path.resolve().is_relative_to(top.resolve())
        ]

    def artifacts(self) -> list[Kept]:
        """Return the files of the dashboard."""
        return [self._kept(path) for path in self._visible(ARTIFACTS)]

    def leftovers(self) -> list[Kept]:
        """Return what was not moved to its place."""
        top = self.folder / BUNDLES
        folders = [top, *_inside(top), self.folder / ARTIFACTS]
        found = [path for folder in folders for path in _inside(folder)]
        return [self._kept(path) for path in found if UNFINISHED.fullmatch(path.name)]

    def where(self, study: str, bundle: str) -> str:
        """Return the path of a bundle."""
        return str(self.folder / BUNDLES / study / bundle)

    @contextmanager
    def making(self, study: str, bundle: str) -> Iterator[Path]:
        """Yield the final place itself: a bundle is moved to it as a whole."""
        self._check()
        yield self.folder / BUNDLES / study / bundle

    def put_bundle(self, study: str, bundle: str, folder: Path) -> None:
        """Copy it beside its place, and move it in."""
        self._check()
        with replacing_folder(self.folder / BUNDLES / study / bundle) as beside:
            shutil.copytree(folder, beside, dirs_exist_ok=True)

    def manifest(self, bundle: Kept) -> bytes:
        """Read it."""
        place = self.folder / bundle.key
        return read_whole(place, (place / MANIFEST).read_bytes)

    def fetch(self, bundle: Kept, folder: Path) -> None:
        """Copy it."""
        place = self.folder / bundle.key
        folder.mkdir(parents=True)  # a new one, so what is in it below is of an attempt before

        def copy() -> None:
            shutil.rmtree(folder)
            shutil.copytree(place, folder, symlinks=True)

        read_whole(place, copy)

    def pack(self, bundle: Kept, path: Path) -> None:
        """Pack its files."""
        place = self.folder / bundle.key
        read_whole(place, partial(packing.pack, place, bundle.name, path))

    def rename(self, study: str, new: str, retell: Callable[[Path], None]) -> None:
        """Move the study's folder."""
        top = self.folder / BUNDLES
        with suppress(FileNotFoundError):
            (top / study).replace(top / new)
        for manifest in sorted((top / new).glob(f"*/{MANIFEST}")):
            retell(manifest)

    def open_artifact(self, name: str) -> BinaryIO:
        """Open it."""
        return (self.folder / ARTIFACTS / name).open("rb")

    def put_artifact(self, name: str, content: BinaryIO) -> None:
        """Write it beside its place, and move it in."""
        self._check()
        with replacing(self.folder / ARTIFACTS / name) as beside, beside.open("wb") as file:
            shutil.copyfileobj(content, file)

    def remove(self, one: Kept) -> None:
        """Remove a file, or a folder with its content."""
        path = self.folder / one.key
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink(missing_ok=True)
        if one.key.count("/") == 2:
            with suppress(OSError):  # other bundles of the study remain
                path.parent.rmdir()

    def read_note(self, name: str) -> bytes | None:
        """Read it."""
        self._check()
        with suppress(FileNotFoundError):
            return (self.folder / name).read_bytes()
        return None

    def write_note(self, name: str, content: bytes | None) -> None:
        """Write it, whole or not at all."""
        self._check()
        if content is None:
            (self.folder / name).unlink(missing_ok=True)
            return
        with replacing(self.folder / name) as beside:
            beside.write_bytes(content)

    def _visible(self, below: str) -> list[Path]:
        self._check()
        return [one for one in _inside(self.folder / below) if not one.name.startswith(".")]

    def _check(self) -> None:
        """Check that the folder exists, before anything is taken for gone or written beside it.

        Raises:
            DepotError: the folder does not exist.
        """
        if self.must_exist and not self.folder.is_dir():
            raise DepotError(
                f"models and files of the dashboard are kept in {self.folder}, and there is no "
                "such folder; is its disk mounted?"
            )

    def _kept(self, path: Path) -> Kept:
        size, changed = 0, 0.0
        deep = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
        for one in (path, *deep):
            with suppress(FileNotFoundError):  # it may be removed in between
                found = one.lstat()
                size += 0 if one.is_dir() and not one.is_symlink() else found.st_size
                changed = max(changed, found.st_mtime)
        return Kept(path.relative_to(self.folder).as_posix(), str(path), size, changed)


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
