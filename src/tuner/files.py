"""Writes files and folders completely or not at all: beside their place, then moved in.

Folders are removed in the same way.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
ATTEMPTS = 10  # to read a folder that others replace
SECONDS_BETWEEN = 0.02


def unused_beside(path: Path) -> Path:
    """Return a hidden path beside another, for what is not finished.

    It is made there as any other file is, so who may read it is what the system says (umask);
    `tempfile` makes what its owner alone can read.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` for writing; on success it replaces `path`.

    Raises:
        OSError: the folder cannot be made or written (a full disk); `path` is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = unused_beside(path)
    beside.touch(exist_ok=False)
    try:
        yield beside
        with beside.open("rb+") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path` for filling; on success it replaces `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = unused_beside(path)
    beside.mkdir()
    try:
        yield beside
        for written in beside.rglob("*"):
            if written.is_file() and not written.is_symlink():
                with written.open("rb") as file:
                    os.fsync(file.fileno())
        _move_over(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _move_over(beside: Path, path: Path) -> None:
    """Move a folder to its place; if others do the same, the last one wins."""
    retired: list[Path] = []
    try:
        while True:
            try:
                beside.replace(path)
            except OSError as error:
                if error.errno not in IN_THE_WAY:
                    raise
            else:
                return
            # It existed already, or another process has just moved its own in. It is removed only
            # afterwards: until the new one is moved, readers and a kill would find neither.
            retired.append(Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)))
            with suppress(FileNotFoundError):  # another process has moved it away
                path.replace(retired[-1] / path.name)
    finally:
        for one in retired:
            shutil.rmtree(one, ignore_errors=True)


def read_whole(folder: Path, read: Callable[[], T]) -> T:
    """Read a folder that `replacing_folder` may replace meanwhile: never half of each.

    Args:
        read: reads the folder; it is called again if the folder was replaced.

    Raises:
        OSError: it is replaced each time.
        Exception: anything that `read` raises while the folder stays.
    """
    for left in reversed(range(ATTEMPTS)):
        before = _identity(folder)
        try:
            found = read()
        except Exception:
            if _identity(folder) == before:
                if before is not None or not left:
                    raise
                time.sleep(SECONDS_BETWEEN)  # it may be away for a moment while it is replaced
        else:
            if _identity(folder) == before:
                return found
    raise OSError(errno.EBUSY, "it is replaced again and again while it is read", str(folder))


def _identity(folder: Path) -> tuple[int, int, int] | None:
    """Return what differs if another folder is there, or another file in it; None if none is."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def remove_folder(path: Path) -> None:
    """Remove a folder. If this is interrupted, the rest is hidden, like an unfinished write."""
    hidden = path.with_name(f".{path.name}.removing")
    shutil.rmtree(hidden, ignore_errors=True)  # left by an interrupted removal
    with suppress(OSError):  # a long name or a full disk: remove it without hiding it first
        path = path.rename(hidden)
    shutil.rmtree(path)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, completely or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: object) -> None:
    """Write `value` as JSON; a number that is not finite raises ValueError."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
