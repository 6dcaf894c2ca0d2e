"""Locks the files of a storage folder: many processes may use them, and one may move them.

A training of an hour asks at its beginning where its model is to be stored. If the place changed
meanwhile, nobody would look for the model where it is.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import ReadWriteLock, Timeout

from tuner.errors import DepotError, TunerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK = "files.lock"  # in the storage folder


@contextmanager
def files_in_use(root: Path) -> Iterator[None]:
    """Keep the files of a storage folder in their place; released at the latest with the process.

    Raises:
        DepotError: they are being moved now.
    """
    if not os.access(root, os.W_OK):
        if root.exists():  # nothing is written into a read-only folder
            yield
            return
        root.mkdir(parents=True, exist_ok=True)
    refusal = DepotError(
        f"the files of {root} are being moved by tuner files; wait for it to end, then run the "
        "same command again",
        may_pass=True,
    )
    with _held(root, ReadWriteLock.acquire_read, refusal):
        yield


@contextmanager
def files_to_move(root: Path) -> Iterator[None]:
    """Lock the files of a storage folder for moving them.

    Raises:
        UsageError: a study, a training or the dashboard is using them.
    """
    root.mkdir(parents=True, exist_ok=True)
    refusal = UsageError(
        f"something is using the files of {root}: a study, a training, the dashboard or another "
        "tuner files. Wait for it or end it, then run the same command again"
    )
    with _held(root, ReadWriteLock.acquire_write, refusal):
        yield


@contextmanager
def _held(
    root: Path, acquire: Callable[[ReadWriteLock], object], refusal: TunerError
) -> Iterator[None]:
    """Hold the lock of a storage folder, or refuse at once."""
    lock = ReadWriteLock(root / LOCK, blocking=False, is_singleton=False)
    try:
        acquire(lock)
    except (Timeout, sqlite3.OperationalError) as error:
        lock.close()
        raise refusal from error
    try:
        yield
    finally:
        lock.release()
        lock.close()
