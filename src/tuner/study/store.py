"""The database: opened with care, written by the coordinator alone."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import NullPool, create_engine, event, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from tuner.errors import StoreError, first_line, unknown_name
from tuner.study.schema import EVIDENCE, FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext

SECONDS_TO_WAIT_FOR_A_LOCK = 60
OPTUNAS = {"studies", "trials", "alembic_version"}  # some of its tables
MAKING_TABLES = 0x74756E6572  # names the lock on a server under which they are made: "tuner"


def open_storage(url: str, *, create: bool) -> RDBStorage:
    """Open an Optuna storage, with settings under which SQLite commits fast and is safe.

    Args:
        create: make the database when there is none; otherwise that is an error.

    Raises:
        StoreError: the URL is none, the database is missing, unreadable, or not Optuna's.
    """
    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        _prepare_sqlite(parsed, create=create)
        options: dict[str, Any] = {"connect_args": {"timeout": SECONDS_TO_WAIT_FOR_A_LOCK}}
    elif create:
        options = {"pool_pre_ping": True}
    else:
        options = {"poolclass": NullPool}  # who only reads leaves no connection open behind it
    try:
        with nullcontext() if sqlite else _tables_to_itself(parsed, create=create):
            storage = RDBStorage(url, engine_kwargs=options)
    except (SQLAlchemyError, RuntimeError, ImportError, ValueError) as error:
        raise StoreError(
            f"the storage {shown(url)} cannot be opened: {first_line(error)}"
        ) from error
    # Ctrl-C in a query: the pool logs it as an error, drops the connection, and raises it.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    event.listen(storage.engine, "handle_error", partial(_explain, shown(url)))
    if sqlite:
        event.listen(storage.engine, "connect", _commit_to_the_log)
        storage.engine.dispose()  # so that connections made before this line have it too
    return storage


def parse_url(url: str) -> URL:
    """Read a storage URL.

    Raises:
        StoreError: it is none.
    """
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise StoreError(
            f"{url!r} is no storage URL; write it like sqlite:///storage/studies.db"
        ) from error


def shown(url: str) -> str:
    """Return a storage URL as it may be shown and kept: without its password."""
    parsed = parse_url(url)
    return url if parsed.password is None else parsed.render_as_string(hide_password=True)


@contextmanager
def _tables_to_itself(url: URL, *, create: bool) -> Iterator[None]:
    """Let nobody else make Optuna's tables on a server meanwhile: of two, one would fail.

    Raises:
        StoreError: the tables there are something else's, or there are none to be read.
    """
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        if url.get_backend_name() == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(MAKING_TABLES)))
        names = set(inspect(connection).get_table_names())
        if names and not names >= OPTUNAS:
            raise StoreError(
                f"the database {url.database} was not made by Optuna; name an empty one of its own"
            )
        if not names and not create:
            raise StoreError(
                f"the database {url.database} is empty; run a study first, or name it with "
                "--storage"
            )
        yield


def _prepare_sqlite(url: URL, *, create: bool) -> None:
    """Refuse a file that is not an Optuna database; put a new one into write-ahead mode."""
    path = Path(url.database or "")
    if not url.database or url.database == ":memory:":
        raise StoreError("a database in memory would be lost; name a file: sqlite:///FILE")
    if not path.exists():
        if not create:
            raise StoreError(f"no database {path}; run a study first, or name it with --storage")
        _make(url, path)
    refuse_another_database(path)
    if create:  # who only reads leaves the file as it is
        with _connected(path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def _make(url: URL, path: Path) -> None:
    """Make a database beside its place and move it in: another process sees none or all of it."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        RDBStorage(url.set(database=str(beside)).render_as_string()).engine.dispose()
        try:
            path.hardlink_to(beside)
        except FileExistsError:
            pass  # another was faster: theirs is as good
        except OSError:
            beside.replace(path)  # a file system without links
    except (OSError, SQLAlchemyError, ImportError, ValueError) as error:
        raise StoreError(f"the database {path} cannot be made: {first_line(error)}") from error
    finally:
        beside.unlink(missing_ok=True)


def refuse_another_database(path: Path) -> None:
    """Refuse an SQLite file that something else has made; one that is not there yet will do.

    Raises:
        StoreError: it is no database, cannot be read, or has other tables than Optuna's.
    """
    if not path.exists():
        return
    with _connected(path) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if names and not names >= OPTUNAS:
        raise StoreError(f"{path} was not made by Optuna; name another file with --storage")


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=SECONDS_TO_WAIT_FOR_A_LOCK)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used as a database: {error}") from error


def _explain(url: str, context: ExceptionContext) -> None:
    """Make one line of what a database raises: a full disk, a damaged file, a server that is gone.

    Raises:
        StoreError: in place of the database's own error, unless Optuna or the pool deals with it.
    """
    raised = context.sqlalchemy_exception
    expected = context.is_pre_ping or isinstance(raised, IntegrityError)
    if expected or not isinstance(raised, DBAPIError):
        return
    raise StoreError(
        f"the storage {url} failed: {first_line(context.original_exception)}. What had finished is "
        "kept; mend that, and give the same command again"
    ) from context.original_exception


def _commit_to_the_log(connection: DBAPIConnection, _record: object) -> None:
    # With a write-ahead log this survives a crash of the program; a power cut may cost the last
    # commits, never the database (https://www.sqlite.org/pragma.html#pragma_synchronous).
    connection.cursor().execute("PRAGMA synchronous=NORMAL")


def load_study(url: str, name: str) -> optuna.Study:
    """Load a study of ours.

    Raises:
        UsageError: no study of that name.
        StoreError: the database cannot be opened, or the study was made by something else.
    """
    storage = open_storage(url, create=False)
    known = optuna.get_all_study_names(storage)
    if name not in known:
        searches = [one for one in known if not one.endswith(evidence_name(""))]
        raise unknown_name("study", "studies", name, searches)
    study = optuna.load_study(study_name=name, storage=storage)
    facts_of(study)
    return study


def evidence_name(name: str) -> str:
    """Return the name of the study that holds the trainings after the search of study `name`."""
    return f"{name}/evidence"


def facts_of(study: optuna.Study) -> dict[str, Any]:
    """Return what a study of ours was made with.

    Raises:
        StoreError: the study was made by something else.
    """
    facts: dict[str, Any] | None = study.user_attrs.get(FACTS)
    if EVIDENCE in study.user_attrs:
        raise StoreError(
            f"study {study.study_name!r} holds the trainings after the search of "
            f"{study.user_attrs[EVIDENCE]!r}; name that one"
        )
    if facts is None:
        raise StoreError(
            f"study {study.study_name!r} was not made by tuner; choose another with --name"
        )
    return facts


def settle(study: optuna.Study) -> int:
    """Put trials that a dead or interrupted coordinator left running back into the queue.

    They keep their number, hyperparameters and seed, so running them again from the start gives
    what they would have given. Left RUNNING they would count as bad in TPE's eyes for ever.

    Returns:
        How many there were.
    """
    left = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in left:
        study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
    return len(left)
