"""Unpacks a stranger's archive of pictures safely.

It refuses names that lead out of the folder (absolute, `..`, a drive, a backslash), links and other
special files, two names that a file system may confuse, and more content than was declared. Only
pictures are unpacked; other files are left out.
"""

from __future__ import annotations

import io
import lzma
import stat
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from tuner.data.formats import SUFFIXES
from tuner.errors import UsageError
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_FILES = 200_000
MOST_BYTES = 8 * 2**30  # unpacked
LARGEST_LIST = 64 * 2**20  # of all entries, with their names
SIGNATURE = b"PK\x01\x02"  # of an entry in that list
DEEPEST, LONGEST_PART = 8, 200
CHUNK = 2**20
ENCRYPTED = 0x1  # flag of an entry
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, ValueError),
)
SYSTEM = {"__macosx", "thumbs.db", "desktop.ini"}


class _Archive(io.FileIO):
    """A ZIP file that is read with a check of its list of entries.

    zipfile reads the whole list at once, and makes an object for each entry, before one can ask how
    many there are. So they are counted here first, by their signature.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as zipfile asks.

        Raises:
            UsageError: the list is too long.
        """
        if size is not None and size > LARGEST_LIST:
            raise UsageError(
                said(
                    "the list of what is in the ZIP file is larger than {most} MiB; send fewer "
                    "files, or shorten their names",
                    most=LARGEST_LIST // 2**20,
                )
            )
        found = super().read(size)
        if (count := found.count(SIGNATURE)) > MOST_FILES:
            raise UsageError(
                said(
                    "the ZIP file has {count} entries; it may have {most_files}",
                    count=count,
                    most_files=MOST_FILES,
                )
            )
        return found


def unpack(archive: Path, folder: Path, check_room: Callable[[int], None]) -> int:
    """Unpack the pictures of a ZIP file into an empty folder; return how many there are.

    A folder that contains everything is left out of the names.

    Args:
        check_room: raises a UsageError if this many more bytes do not fit on the disk.

    Raises:
        UsageError: it is not a ZIP file, is damaged, contains something refused, or does not fit.
        OSError: the folder cannot be written.
    """
    try:
        with _Archive(archive) as file, zipfile.ZipFile(file) as opened:
            wanted = _stripped(list(_pictures(opened)))
            if not wanted:
                raise UsageError(
                    said(
                        "the ZIP file holds no picture; put the pictures of each class into a "
                        "folder"
                    )
                )
            check_room(sum(entry.file_size for entry, _ in wanted))
            for entry, name in wanted:
                _write(opened, entry, folder.joinpath(*name.parts), check_room)
    except UNREADABLE as error:
        raise UsageError(said("the ZIP file cannot be read: {error}", error=error)) from error
    return len(wanted)


def _pictures(opened: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Yield the pictures to unpack, after checking every entry."""
    entries = opened.infolist()
    if sum(one.file_size for one in entries) > MOST_BYTES:
        raise UsageError(said("the ZIP file holds more than {most} GiB", most=MOST_BYTES // 2**30))
    spelt: dict[str, str] = {}
    files: set[str] = set()
    folders: set[str] = set()
    found = []
    for one in entries:
        name = _checked(one)
        parts = name.parts
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            folded = _folded(path)
            if spelt.setdefault(folded, path) != path:
                raise UsageError(
                    said(
                        "the ZIP file has {spelt!r} and {path!r}, which are the same on some file "
                        "systems; rename one",
                        spelt=spelt[folded],
                        path=path,
                    )
                )
            is_file = depth == len(parts) and not one.is_dir()
            if is_file and folded in files:
                raise UsageError(said("the ZIP file has {path!r} twice; remove one", path=path))
            (files if is_file else folders).add(folded)
        if not one.is_dir() and not _is_ignored(name):
            found.append((one, name))
    if both := files & folders:
        raise UsageError(
            said("the ZIP file has {spelt!r} as a file and as a folder", spelt=spelt[min(both)])
        )
    yield from found


def _checked(entry: zipfile.ZipInfo) -> PurePosixPath:
    """Return the name of an entry after checking that it stays in its folder."""
    name = entry.filename
    path = PurePosixPath(name)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    plain = {0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG}
    leads_out = path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name
    odd = (
        any(sign in name for sign in ':*?"<>|')
        or not name.isprintable()
        or len(path.parts) > DEEPEST
        or any(
            len(part.encode()) > LONGEST_PART or part != part.strip() or part.endswith(".")
            for part in path.parts
        )
    )
    unpacked = not _is_ignored(PurePosixPath(name.rstrip(" .")))
    if leads_out or (odd and unpacked):
        raise UsageError(said("the ZIP file has an entry that cannot be used: {name!r}", name=name))
    if kind not in plain:
        raise UsageError(
            said("the ZIP file has a link or a special file: {name!r}; remove it", name=name)
        )
    if entry.flag_bits & ENCRYPTED:
        raise UsageError(said("the ZIP file is encrypted; send one without a password"))
    return path


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", path).casefold()


def _is_ignored(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part.casefold() in SYSTEM for part in path.parts)
    return hidden or path.suffix.lower() not in SUFFIXES


def _stripped(
    found: list[tuple[zipfile.ZipInfo, PurePosixPath]],
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Remove from the names a folder that contains all entries."""
    tops = {name.parts[0] for _, name in found}
    if len(tops) == 1 and all(len(name.parts) > 2 for _, name in found):
        return [(one, PurePosixPath(*name.parts[1:])) for one, name in found]
    return found


def _write(
    opened: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    path: Path,
    check_room: Callable[[int], None],
) -> None:
    """Write one file; refuse more bytes than its entry declares."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = entry.file_size
    with opened.open(entry) as source, path.open("xb") as target:
        while chunk := _read(source):
            left -= len(chunk)
            if left < 0:
                raise UsageError(
                    said(
                        "{filename!r} in the ZIP file is larger than it says",
                        filename=entry.filename,
                    )
                )
            check_room(len(chunk))  # other processes write too
            target.write(chunk)


def _read(source: IO[bytes]) -> bytes:
    """Read a chunk; damaged bzip2 raises OSError here, like a full disk when writing."""
    try:
        return source.read(CHUNK)
    except OSError as error:
        raise zipfile.BadZipFile(str(error)) from error
