"""Moves the write-ahead log of an SQLite file into the file, regularly and at the end.

In this mode, the last writes are in a log beside the database, FILE-wal. SQLite moves them into the
file when the last connection closes, or when the log is long. But people copy and mail the one
file, so while a command writes, the log is moved every few seconds, and completely at the end.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

from filelock import FileLock

from tuner.errors import StoreError
from tuner.study.database.sqlite import connect, connected, log_of, may_be_written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

SECONDS_BETWEEN_CHECKPOINTS = 3.0
SECONDS_TO_WAIT_FOR_READERS = 10.0

_writers: WeakSet[Engine] = WeakSet()  # of this process; their idle connections keep the log


def remove_log_of_deleted(path: Path) -> None:
    """Remove the log of a deleted database, which SQLite would replay into the next one.

    Call this before making the next database. No other process makes it while the log exists.
    """
    if not log_of(path).exists() or path.exists():
        return
    with FileLock(path.with_name(f"{path.name}.making.lock")):
        if not path.exists():
            for end in ("-journal", "-shm", "-wal"):  # remove last the one that the others check
                path.with_name(f"{path.name}{end}").unlink(missing_ok=True)


def close_at_the_end(engine: Engine) -> None:
    """Register an engine, so that its connections are closed when `kept_whole` ends."""
    _writers.add(engine)


@contextmanager
def kept_whole(path: Path) -> Iterator[None]:
    """Ensure that everything written to a file inside this context is in the file itself.

    Raises:
        StoreError: at the end, if the log cannot be moved (a full disk).
    """
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(path, over), daemon=True)
    keeper.start()
    try:
        yield
    except BaseException:
        with suppress(StoreError):
            _conclude(path, over, keeper)
        raise
    else:
        _conclude(path, over, keeper)


def _keep(path: Path, over: threading.Event) -> None:
    """Move the log every few seconds, without making anybody wait."""
    connection: sqlite3.Connection | None = None
    while True:
        with suppress(sqlite3.Error, OSError):  # reported at the end, or by the writer
            if connection is None and path.exists():
                connection = connect(path)
            if connection is not None:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if over.wait(SECONDS_BETWEEN_CHECKPOINTS):
            break
    if connection is not None:
        connection.close()


def _conclude(path: Path, over: threading.Event, keeper: threading.Thread) -> None:
    over.set()
    keeper.join()
    for engine in tuple(_writers):
        engine.dispose()
    if not path.exists() or not may_be_written(path):
        return
    end = time.monotonic() + SECONDS_TO_WAIT_FOR_READERS
    with connected(path) as connection:
        while True:  # present readers finish in a moment
            ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            if not busy or time.monotonic() > end:
                return
