"""The file of a backup: a ZIP archive without compression, with a manifest of its content.

Nothing in it is compressed, so an archive from a stranger never unpacks to more than its size.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from tuner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MANIFEST = "tuner-backup.json"
FORMAT = 1
DATABASE = "studies.db"
PARTS = ("artifacts", "bundles", "confirmation", "jobs", "reports", "uploads")
GROWING = "jobs/"  # output of the service's jobs: additions during the copy are left out
CHUNK = 2**20
TRIES = 5
ENCRYPTED = 0x1  # a flag of an entry
FORBIDDEN = frozenset('\\:*?"<>|' if os.name == "nt" else "\\")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive.

    Attributes:
        name: its path below the storage folder, with slashes.
        size: in bytes.
        sha256: of its bytes, in hexadecimal.
    """

    name: str
    size: int
    sha256: str


def is_archive(path: Path) -> bool:
    """Whether a file looks like a backup of tuner's."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def add(archive: zipfile.ZipFile, name: str, source: Path) -> Entry | None:
    """Write a file into an archive, and return its entry; None if the file has just been removed.

    Raises:
        OSError: it cannot be read, or keeps changing.
    """
    with tempfile.TemporaryFile() as copy:
        if not _copy_at_rest(source, copy, grows=name.startswith(GROWING)):
            return None
        size = copy.tell()
        copy.seek(0)
        digest = hashlib.sha256()
        with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as target:
            while chunk := copy.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
    return Entry(name, size, digest.hexdigest())


def _copy_at_rest(source: Path, copy: IO[bytes], *, grows: bool) -> bool:
    """Copy a file in a state between two writes; return whether it exists.

    Args:
        grows: whether it only gets longer: then a copy of its beginning is enough.
    """
    for _ in range(TRIES):
        try:
            with source.open("rb") as file:
                before = source.stat()
                copy.seek(0)
                copy.truncate()
                shutil.copyfileobj(file, copy, CHUNK)
                after = source.stat()
        except FileNotFoundError:
            return False
        if grows and before.st_ino == after.st_ino and copy.tell() >= before.st_size:
            copy.truncate(before.st_size)
            copy.seek(0, os.SEEK_END)
            return True
        if (before.st_ino, before.st_size, before.st_mtime_ns) == (
            after.st_ino,
            after.st_size,
            after.st_mtime_ns,
        ):
            return True
    raise OSError(f"{source} changes all the time; run the command again in a moment")


def close(archive: zipfile.ZipFile, entries: Iterable[Entry], facts: dict[str, Any]) -> None:
    """Write the manifest, which completes an archive."""
    listed = {one.name: {"bytes": one.size, "sha256": one.sha256} for one in entries}
    manifest = {"format": FORMAT, **facts, "files": listed}
    archive.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(manifest, indent=1, ensure_ascii=False))


def entries_of(archive: zipfile.ZipFile, size: int) -> list[Entry]:
    """Return the entries of an archive, which may come from a stranger.

    Args:
        size: of the archive's file, in bytes.

    Raises:
        UsageError: it is not a backup, this version cannot read it, or it could write outside of
            the folder in which it is unpacked.
    """
    members = archive.infolist()
    names = [one.filename for one in members]
    if MANIFEST not in names:
        raise UsageError("it is not a backup made by tuner")
    for one in members:
        _refuse_member(one)
    if len(set(names)) < len(names):
        raise UsageError("it has two files of one name")
    if sum(one.file_size for one in members) > size:
        raise UsageError("its contents would be larger than the file itself")
    listed = _listed(archive.read(MANIFEST))
    sizes = {one.filename: one.file_size for one in members if one.filename != MANIFEST}
    if {one.name: one.size for one in listed} != sizes:
        raise UsageError("its files are not those that its manifest lists")
    if DATABASE not in sizes:
        raise UsageError("it has no database")
    return listed


def _refuse_member(one: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(one.external_attr >> 16)
    if one.filename != one.orig_filename or (
        one.filename not in {MANIFEST, DATABASE} and not is_safe(one.filename)
    ):
        raise UsageError(
            f"it has a file with the name {one.orig_filename!r}, which no backup of tuner has"
        )
    if one.is_dir() or kind not in {0, stat.S_IFREG}:
        raise UsageError(f"{one.filename!r} in it is a link or a folder, not a file")
    if one.compress_type != zipfile.ZIP_STORED or one.flag_bits & ENCRYPTED:
        raise UsageError(f"{one.filename!r} in it is compressed or encrypted, which no backup is")


def is_safe(name: str) -> bool:
    """Whether a name is a path into one of the folders that are backed up, and nowhere else."""
    parts = name.split("/")
    plain = all(
        part and part not in {".", ".."} and part.isprintable() and not set(part) & FORBIDDEN
        for part in parts
    )
    return plain and len(parts) > 1 and parts[0] in PARTS and not PurePosixPath(name).is_absolute()


def _listed(text: bytes) -> list[Entry]:
    try:
        manifest = json.loads(text)
        number = manifest["format"]
        if number == FORMAT:
            return [
                Entry(str(name), int(one["bytes"]), str(one["sha256"]))
                for name, one in manifest["files"].items()
            ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError("its manifest cannot be read") from error
    raise UsageError(f"its format is {number!r}; this version of tuner reads {FORMAT}")


def refuse_clashes(names: Sequence[str]) -> None:
    """Refuse names that a case-insensitive file system cannot distinguish.

    Raises:
        UsageError: two are the same there.
    """
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            other = seen.setdefault(path.casefold(), path)
            if other != path:
                raise UsageError(
                    f"it has {other!r} and {path!r}, which are the same on this file system; "
                    "restore it on another one, with --home"
                )


def extract(archive: zipfile.ZipFile, entry: Entry, folder: Path) -> None:
    """Unpack a file into a folder where it does not exist.

    Raises:
        UsageError: its bytes differ from those that were backed up.
        OSError: it cannot be written.
    """
    path = folder / entry.name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with archive.open(entry.name) as source, path.open("xb") as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise UsageError(f"{entry.name!r} in it is damaged ({error}); use another copy") from error
    if digest.hexdigest() != entry.sha256:
        raise UsageError(
            f"{entry.name!r} in it has other bytes than when it was backed up; use another copy"
        )
