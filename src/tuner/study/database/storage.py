"""Opens the database safely; only the coordinator writes to it."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_native_id
from typing import TYPE_CHECKING, Any

from optuna.storages import RDBStorage
from sqlalchemy import NullPool, create_engine, event, func, inspect, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from tuner.errors import StoreError, first_line, lacks_room
from tuner.study.database.fence import refuse_if_lost
from tuner.study.database.sqlite import (
    SECONDS_TO_WAIT_FOR_A_LOCK,
    Opener,
    connected,
    is_busy,
    may_be_written,
)
from tuner.study.database.url import parse_url, shown, why_not, without_secrets
from tuner.study.database.whole_calls import WholeStorage
from tuner.study.database.write_ahead_log import close_at_the_end, remove_log_of_deleted
from tuner.workplace import database_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext

OPTUNAS = {"studies", "trials", "alembic_version"}  # some of Optuna's tables
# The version of Optuna's tables, cached. Optuna reads all its migrations to find it, which takes 30
# ms of the 40 ms for opening a storage.
NEWEST: list[str] = []
MAKING_TABLES = 0x74756E6572  # name of the lock on a server for making them: "tuner"


def open_storage(url: str, *, create: bool) -> RDBStorage:
    """Open an Optuna storage with settings that make SQLite's commits fast and safe.

    Args:
        create: whether to make a missing database, instead of raising an error.

    Raises:
        StoreError: the URL is invalid, or the database is missing, unreadable, or not Optuna's.
    """
    parsed, file = parse_url(url), database_file(url)
    options: dict[str, Any] = {}
    if file is not None:
        _prepare_sqlite(file, create=create)
        options["creator"] = opener = Opener(file)
    elif create:
        options["pool_pre_ping"] = True
    if not create:
        options["poolclass"] = NullPool  # a reader leaves no open connection behind
    try:
        with nullcontext() if file else _tables_to_itself(parsed, create=create):
            storage = _rdb(url, options, WholeStorage if file else RDBStorage)
    except (SQLAlchemyError, RuntimeError, ImportError, ValueError) as error:
        raise StoreError(
            f"the storage {shown(url)} cannot be opened: {why_not(error, url)}",
            may_pass=isinstance(error, OperationalError),
        ) from error
    # On Ctrl-C during a query, the pool logs an error, drops the connection and raises it again.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    event.listen(storage.engine, "handle_error", partial(_explain, url))
    if file is not None:
        event.listen(storage.engine, "connect", _commit_to_the_log)
        event.listen(storage.engine, "checkout", opener.check)
        storage.engine.dispose()  # so that connections from before this line have the setting too
        close_at_the_end(storage.engine)
    else:
        event.listen(storage.engine, "commit", refuse_if_lost)
    return storage


def _rdb(url: str, options: dict[str, Any], kind: type[RDBStorage] = RDBStorage) -> RDBStorage:
    """Open Optuna's storage, which treats a URL as a template, so braces must be escaped."""
    template = url.replace("{", "{{").replace("}", "}}")
    storage = kind(template, engine_kwargs=options, skip_compatibility_check=True)
    if not NEWEST:
        NEWEST.append(storage.get_head_version())
    if storage.get_current_version() == NEWEST[0]:
        return storage
    storage.engine.dispose()
    return kind(template, engine_kwargs=options)  # raises an error if something does not fit


def is_read_only(url: str) -> bool:
    """Whether a storage is a read-only file."""
    file = database_file(url)
    return file is not None and file.exists() and not may_be_written(file)


@contextmanager
def _tables_to_itself(url: URL, *, create: bool) -> Iterator[None]:
    """Lock Optuna's tables on a server while they are made, because two processes would conflict.

    Raises:
        StoreError: the database has other tables, or none to read.
    """
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        if url.get_backend_name() == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(MAKING_TABLES)))
        names = set(inspect(connection).get_table_names())
        if names and not names >= OPTUNAS:
            raise StoreError(
                f"the database {url.database} was not made by Optuna; name an empty one"
            )
        if not names and not create:
            raise StoreError(
                f"the database {url.database} is empty; run a study first, or name it with "
                "--storage"
            )
        yield


def _prepare_sqlite(path: Path, *, create: bool) -> None:
    """Refuse a file that is not an Optuna database; put a new one into write-ahead mode."""
    if not path.exists():
        if not create:
            raise StoreError(f"no database {path}; run a study first, or name it with --storage")
        _make(path)
    refuse_another_database(path)
    if create and may_be_written(path):  # a reader does not change the file
        with connected(path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def _make(path: Path) -> None:
    """Make a database beside its place and move it in: other processes see all of it or none."""
    beside = path.with_name(f"{path.name}.{get_native_id()}.new")  # one per thread
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(_empty_database())
            file.flush()
            os.fsync(file.fileno())
        remove_log_of_deleted(path)
        try:
            path.hardlink_to(beside)
        except FileExistsError:
            pass  # another process was faster, and its database is as good
        except OSError:
            beside.replace(path)  # on a file system without links
    except (OSError, SQLAlchemyError, ImportError, ValueError) as error:
        raise StoreError(f"the database {path} cannot be made: {first_line(error)}") from error
    finally:
        beside.unlink(missing_ok=True)


@cache
def _empty_database() -> bytes:
    """Return a database with Optuna's tables, without studies, in write-ahead mode.

    Cached, because it takes Optuna a fifth of a second.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        _rdb(f"sqlite:///{path.as_posix()}", {}).engine.dispose()
        with connected(path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        return path.read_bytes()


def refuse_another_database(path: Path) -> None:
    """Refuse an SQLite file that something else has made; a missing one is accepted.

    Raises:
        StoreError: it is not a database, cannot be read, or has tables other than Optuna's.
    """
    if not path.exists():
        return
    with connected(path) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if names and not names >= OPTUNAS:
        raise StoreError(f"{path} was not made by Optuna; name another file with --storage")


def _explain(url: str, context: ExceptionContext) -> None:
    """Convert an error of a database into one line: a full disk, a damaged file, a lost server.

    Raises:
        StoreError: replaces the database's own error, unless Optuna or the pool handles it.
    """
    raised = context.sqlalchemy_exception
    expected = context.is_pre_ping or isinstance(raised, IntegrityError)
    if expected or not isinstance(raised, DBAPIError):
        return
    reason = without_secrets(first_line(context.original_exception), url)
    is_away = isinstance(raised, OperationalError) and database_file(url) is None
    if is_busy(context.original_exception):
        reason = (
            f"{reason}: another process has been writing to it for {SECONDS_TO_WAIT_FOR_A_LOCK:g} s"
        )
    elif lacks_room(context.original_exception):
        reason = f"its disk is full ({reason})"
    raise StoreError(
        f"the storage {shown(url)} failed: {reason}. Finished work is kept. Fix the problem and "
        "run the same command again",
        may_pass=is_away or is_busy(context.original_exception),
    ) from context.original_exception


def _commit_to_the_log(connection: DBAPIConnection, _record: object) -> None:
    # With a write-ahead log this survives a crash of the program; a power cut may lose the last
    # commits, never the database (https://www.sqlite.org/pragma.html#pragma_synchronous).
    connection.cursor().execute("PRAGMA synchronous=NORMAL")
