"""Packs a bundle into one file: a ZIP without compression, with a folder of the bundle's name."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tuner.depot.contract import MANIFEST
from tuner.errors import BundleError

if TYPE_CHECKING:
    from typing import BinaryIO

MOST_MANIFEST = 2**26  # bytes
FORBIDDEN = frozenset('\\:*?"<>|' if os.name == "nt" else "\\")


def pack(folder: Path, name: str, path: Path) -> None:
    """Write the files of a bundle's folder into a ZIP file.

    Raises:
        OSError: one cannot be read, or the file cannot be written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.write(file, f"{name}/{file.relative_to(folder).as_posix()}")


def unpack(path: Path, folder: Path, shown: str) -> None:
    """Unpack a bundle, which may come from a stranger, into a new folder.

    Args:
        shown: name of the file in messages.

    Raises:
        BundleError: it is not a bundle, or would write elsewhere or more than the file's size.
        OSError: the folder cannot be written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = _names(archive, path.stat().st_size)
            folder.mkdir(parents=True)
            for entry, name in names.items():
                target = folder.joinpath(*PurePosixPath(name).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{shown} is not a bundle: {error}; name another one") from error


def manifest_in(file: BinaryIO, shown: str) -> bytes:
    """Return the manifest of a packed bundle, without reading other files.

    Raises:
        BundleError: there is none.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            size = file.seek(0, 2)
            names = _names(archive, size)
            (entry,) = [one for one, name in names.items() if name == MANIFEST]
            if archive.getinfo(entry).file_size > MOST_MANIFEST:
                raise ValueError("its manifest is too large")
            return archive.read(entry)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{shown} is not a bundle: {error}; name another one") from error


def _names(archive: zipfile.ZipFile, size: int) -> dict[str, str]:
    """Return the names of entries, with their paths in the bundle's folder.

    Raises:
        ValueError: one is not a regular file, or its path leads elsewhere.
    """
    entries = archive.infolist()
    if sum(one.file_size for one in entries) > size:
        raise ValueError("its contents would be larger than the file itself")
    found: dict[str, str] = {}
    for one in entries:
        parts = one.filename.split("/")
        kind = stat.S_IFMT(one.external_attr >> 16)
        plain = all(
            part and part not in {".", ".."} and part.isprintable() and not set(part) & FORBIDDEN
            for part in parts
        )
        if not plain or len(parts) < 2 or kind not in {0, stat.S_IFREG}:
            raise ValueError(f"it has an entry {one.filename!r}")
        if one.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its entry {one.filename!r} is compressed")
        found[one.filename] = "/".join(parts[1:])
    if len({name.partition("/")[0] for name in found}) > 1:
        raise ValueError("its files are not in one folder")
    if len({name.casefold() for name in found.values()}) < len(entries):
        raise ValueError("it has two entries of one name")
    if MANIFEST not in found.values():
        raise ValueError(f"it has no {MANIFEST}")
    return found
