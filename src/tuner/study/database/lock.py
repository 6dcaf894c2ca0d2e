"""Ensures that a study has one writer: a second one is refused."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from filelock import FileLock, Timeout
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from tuner.errors import StoreError, StudyError
from tuner.naming import folder_name
from tuner.study.database.fence import held, is_taken
from tuner.study.database.sqlite import may_be_written
from tuner.study.database.storage import refuse_another_database
from tuner.study.database.url import parse_url, why_not
from tuner.study.database.write_ahead_log import kept_whole
from tuner.workplace import database_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.storages import RDBStorage
    from sqlalchemy.engine import URL

SECONDS_TO_WAIT_FOR_COMMITS = 30.0  # of a process that has lost the study
SECONDS_OF_A_LOOK = 0.2  # longer than `is_held` takes a free lock


@contextmanager
def only_writer(
    url: str, name: str, patience: float = SECONDS_TO_WAIT_FOR_COMMITS
) -> Iterator[None]:
    """Lock the study against every other process that would write it.

    Two coordinators would enqueue each other's running trials again. The lock belongs to the
    operating system or the server: it is released when its process ends, however that ends. Reading
    needs no lock. Everything written to a database file inside this context reaches that one file
    within a few seconds, and is complete when the context ends.

    Args:
        url: of the storage. For SQLite, the lock is a file beside the database; for PostgreSQL, an
            advisory lock.
        patience: seconds to wait for commits of a process that has lost the study on a server.

    Raises:
        StudyError: another process holds the lock.
        StoreError: the URL cannot be used, or the lock cannot be taken for another reason.
    """
    parsed, file = parse_url(url), database_file(url)
    if file is not None:
        refuse_another_database(file)  # before a lock file is made beside it
        with _beside(file, name), kept_whole(file):
            yield
    else:
        with _on_the_server(parsed, name, patience):
            yield


def is_held(storage: RDBStorage, name: str) -> bool:
    """Whether a process works on a study; one that was killed leaves trials that look running.

    If the lock file may not be opened, as in a read-only folder, the answer is yes.

    Raises:
        StoreError: the server cannot be asked.
    """
    if storage.engine.dialect.name != "sqlite":
        with storage.engine.connect() as connection:
            return is_taken(connection, name)
    path = _lock_file(Path(str(storage.engine.url.database)), name)
    if not path.exists():
        return False
    try:
        with FileLock(path, blocking=False):
            return False
    except (Timeout, OSError):
        return True


def _lock_file(database: Path, name: str) -> Path:
    database = database.resolve()  # one lock per file, whatever link names it
    return database.with_name(f"{database.name}.{folder_name(name)}.lock")


@contextmanager
def _beside(database: Path, name: str) -> Iterator[None]:
    path = _lock_file(database, name)
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=SECONDS_OF_A_LOOK)
    except Timeout as error:
        holder = path.read_text(encoding="utf-8") or "another process"
        raise _busy(name, holder) from error
    except OSError as error:
        hint = ""
        if database.exists() and not may_be_written(database):
            hint = ". Copy the folder to where you may write, and name the copy with --home"
        raise StoreError(f"{path} cannot be written: {error.strerror or error}{hint}") from error
    try:
        with suppress(OSError):  # a full disk: commands that make room need the lock too
            path.write_text(f"process {os.getpid()}", encoding="utf-8")
        yield
    finally:
        lock.release()


@contextmanager
def _on_the_server(url: URL, name: str, patience: float) -> Iterator[None]:
    try:
        engine = sqlalchemy.create_engine(
            url, poolclass=sqlalchemy.NullPool, connect_args=_kept_alive(url)
        )
        connection = engine.connect()
    except (SQLAlchemyError, ImportError) as error:
        reason = why_not(error, url.render_as_string(hide_password=False))
        raise StoreError(
            f"the storage cannot be opened: {reason}", may_pass=isinstance(error, OperationalError)
        ) from error
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    with connection, held(connection, name, patience) as taken:
        if not taken:
            raise _busy(name, "another process")
        yield


def _kept_alive(url: URL) -> dict[str, int]:
    """Make the system probe the server every minute: idle connections get dropped."""
    by_libpq = url.get_driver_name() in ("psycopg", "psycopg2")
    return {"keepalives_idle": 60} if by_libpq and "keepalives_idle" not in url.query else {}


def _busy(name: str, holder: str) -> StudyError:
    return StudyError(
        f"{holder} is at work on study {name!r}; wait for it or stop it, or start another study "
        "with --name",
        may_pass=True,
    )
