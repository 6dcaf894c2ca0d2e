"""Opens SQLite files, waits for other processes' locks, and copies them consistently."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from tuner.errors import StoreError, lacks_room
from tuner.interrupts import let_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


SECONDS_TO_WAIT_FOR_A_LOCK = 60.0
SECONDS_BETWEEN_TRIES = 0.25  # SQLite itself waits this long, and Ctrl-C has to wait for SQLite
SECONDS_UNTIL_IT_IS_SAID = 2.0
# Another process has written between a read and a write of one transaction: waiting helps only if
# nothing was read before.
SECONDS_TO_WAIT_FOR_ANOTHER_VIEW = 1.0
FIRST_BYTE = 0xFF  # of an error's code: the kind of the error

_told: list[Callable[[str], object]] = []  # functions that are called when there is a wait

T = TypeVar("T")


def is_busy(error: BaseException) -> bool:
    """Whether an error means that another connection has locked or changed the database.

    https://www.sqlite.org/rescode.html#busy_recovery
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return bool(code & FIRST_BYTE == sqlite3.SQLITE_BUSY)


@contextmanager
def waits_told(tell: Callable[[str], object]) -> Iterator[None]:
    """Call `tell` with a line when a locked database is waited for in this context."""
    _told.append(tell)
    try:
        yield
    finally:
        _told.remove(tell)


class Opener:
    """Opens connections to one file, and notices if another file has replaced it.

    If the file or its folder is read-only, it is opened without the files that SQLite would create
    beside it (https://www.sqlite.org/wal.html#read_only_databases).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._identity = _identity(self.path)

    def __call__(self) -> sqlite3.Connection:
        """Return a new connection.

        Raises:
            StoreError: the file was deleted or replaced.
            sqlite3.Error: it cannot be opened.
        """
        self.check()
        return connect(self.path)

    def check(self, *_: object) -> None:
        """Refuse to continue if the file was deleted or replaced.

        Raises:
            StoreError: it was.
        """
        try:
            happened = "" if _identity(self.path) == self._identity else "replaced by another file"
        except FileNotFoundError:
            happened = "deleted"
        if happened:
            raise StoreError(
                f"the database {self.path} was {happened} while it was in use, so nothing more "
                "can be stored in it. Put it back, from a copy or with tuner restore (remove "
                f"{self.path}-wal first), and run the same command again to continue; without "
                "it, the same command starts from the beginning"
            )


def connect(path: Path, kind: type[sqlite3.Connection] | None = None) -> sqlite3.Connection:
    """Open an existing file; waiting for its lock can be interrupted.

    Args:
        kind: of connection; None for one that waits in its cursors and commits, but not in its own
            `execute`.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    place = quote(os.fsencode(path.resolve()))
    return sqlite3.connect(
        f"file:{place}?{_mode(path)}",
        uri=True,
        timeout=SECONDS_BETWEEN_TRIES,
        check_same_thread=False,
        factory=kind or _Connection,
    )


def may_be_written(path: Path) -> bool:
    """Whether the file and its folder are writable."""
    return os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK)


def _mode(path: Path) -> str:
    if may_be_written(path):
        return "mode=rw"
    log = log_of(path)
    if log.exists() and log.stat().st_size:
        return "mode=ro"  # another process writes it, or has left it in that state
    return "mode=ro&immutable=1"


def log_of(path: Path) -> Path:
    """Return the write-ahead log of a database, which holds its last writes."""
    whole = path.resolve()
    return whole.with_name(f"{whole.name}-wal")


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file within this context.

    Raises:
        StoreError: it cannot be used as a database.
    """
    try:
        with closing(connect(path, _Waiting)) as connection:
            yield connection
    except sqlite3.Error as error:
        if lacks_room(error):
            raise StoreError(
                f"the disk of {path} is full, so it cannot be used now ({error}). Nothing in it is "
                "lost. Make room, then run the same command again"
            ) from error
        hint = ""
        if not may_be_written(path) and log_of(path).exists():
            hint = (
                f"; {log_of(path)} has not been moved into it, and the folder may only be read: "
                "copy both files into a folder of your own, and name that database with --storage"
            )
        raise StoreError(f"{path} cannot be used as a database: {error}{hint}") from error


def snapshot(path: Path, copy: Path) -> None:
    """Copy a database in its state at one moment, even during writes, into one new file.

    Raises:
        StoreError: it cannot be read, is damaged, or stays locked.
    """
    end = time.monotonic() + SECONDS_TO_WAIT_FOR_A_LOCK

    def wait(status: int, _remaining: int, _total: int) -> None:
        if status & FIRST_BYTE == sqlite3.SQLITE_BUSY and time.monotonic() > end:
            raise sqlite3.OperationalError("database is locked")

    with connected(path) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target, progress=wait)
        target.execute("PRAGMA journal_mode=DELETE")  # so that it consists of one file
    refuse_damaged(copy)


def refuse_damaged(path: Path) -> None:
    """Refuse a damaged database, and one that would run something when it is read.

    Raises:
        StoreError: it is.
    """
    with connected(path) as connection:
        connection.execute("PRAGMA trusted_schema=OFF")
        found = connection.execute("PRAGMA quick_check(1)").fetchall()
        kinds = {row[0] for row in connection.execute("SELECT type FROM sqlite_master")}
    if found != [("ok",)]:
        raise StoreError(f"{path} is damaged: {found[0][0]}; restore a backup of it")
    if kinds - {"table", "index"}:
        raise StoreError(
            f"{path} was not made by Optuna: it has a {min(kinds - {'table', 'index'})}"
        )


class _Cursor(sqlite3.Cursor):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        return _patiently(lambda: super(_Cursor, self).execute(*arguments))

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        return _patiently(lambda: super(_Cursor, self).executemany(*arguments))


class _Connection(sqlite3.Connection):
    """Waits for a locked database in Python, because Ctrl-C cannot interrupt a wait in SQLite."""

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        _patiently(super().commit)

    def __del__(self) -> None:
        # SQLAlchemy's pools do not close dropped connections, and Python 3.13 warns about that.
        with suppress(sqlite3.Error):  # it was never opened
            self.close()


class _Waiting(_Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """Execute with our own cursor, which waits; Python's `execute` would bypass it."""
        return cast("sqlite3.Cursor", self.cursor().execute(*arguments))


def _patiently(do: Callable[[], T]) -> T:
    begin, told = time.monotonic(), False
    while True:
        try:
            return do()
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - begin
            another = error.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT
            most = SECONDS_TO_WAIT_FOR_ANOTHER_VIEW if another else SECONDS_TO_WAIT_FOR_A_LOCK
            if not is_busy(error) or waited > most:
                raise
            if waited > SECONDS_UNTIL_IT_IS_SAID and not told:
                told = True
                for tell in _told:
                    tell(
                        "Another process is writing to the database; waiting for it, "
                        f"{SECONDS_TO_WAIT_FOR_A_LOCK:g} s at most."
                    )
            let_in()  # nothing is written yet, so Ctrl-C may end the wait for a lock
            if another:
                time.sleep(SECONDS_BETWEEN_TRIES / 10)  # if SQLite did not wait itself
