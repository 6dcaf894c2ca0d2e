"""Ensures that only the process that holds a study on a server commits to it.

A server releases a lock when its connection ends, without telling the process: a proxy drops idle
connections, or the server restarts. So each transaction checks, just before its commit, whether its
process still holds its studies. The next process to take a study waits for such commits to end.
(Fencing: Kleppmann 2017, Designing Data-Intensive Applications, p. 303.)
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from tuner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

# PostgreSQL shows a lock's number in two halves; a 1 marks that it is one number.
TAKEN = text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND objsubid = 1 AND (CAST(classid AS bigint) << 32) | CAST(objid AS bigint) = :key)"
)
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's code for the end of lock_timeout


@dataclass(frozen=True, slots=True)
class _Hold:
    study: str
    database: str
    token: int  # a lock that nobody else knows; the connection holds it until it ends


_HELD: set[_Hold] = set()
_CHANGING = Lock()


@contextmanager
def held(connection: Connection, study: str, patience: float) -> Iterator[bool]:
    """Try to take a study, on a separate connection in autocommit mode.

    Args:
        patience: seconds to wait for commits of the previous process.

    Yields:
        Whether it was taken. It is then held until the end of this context, or until the server
        drops the connection.
    """
    hold = _Hold(study, _database(connection.engine.url), secrets.randbits(63))
    try:
        taken = _take(connection, hold, patience)
        if taken:
            with _CHANGING:
                _HELD.add(hold)
        yield taken
    finally:
        with _CHANGING:
            _HELD.discard(hold)
        # Released here, because the server may notice the end of the connection only later.
        with suppress(SQLAlchemyError):  # a server that is gone has released it
            connection.execute(select(func.pg_advisory_unlock_all()))


def _take(connection: Connection, hold: _Hold, patience: float) -> bool:
    if not connection.scalar(select(func.pg_try_advisory_lock(_key(hold.study)))):
        return False
    wait = f"{max(1, round(1000 * patience))}ms"  # 0 would mean no limit
    connection.execute(select(func.set_config("lock_timeout", wait, False)))
    try:
        connection.execute(select(func.pg_advisory_lock(_commits_of(hold))))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False  # a commit of the previous process does not end
    connection.execute(select(func.pg_advisory_unlock(_commits_of(hold))))
    connection.execute(select(func.pg_advisory_lock(hold.token)))
    return True


def is_taken(connection: Connection, study: str) -> bool:
    """Whether a process holds a study of this database, without taking a lock."""
    return bool(connection.scalar(TAKEN, {"key": _key(study)}))


def refuse_if_lost(connection: Connection) -> None:
    """Refuse to commit if this process no longer holds a study that it took.

    Raises:
        StoreError: the server has released one of them.
    """
    database = _database(connection.engine.url)
    with _CHANGING:
        mine = [hold for hold in _HELD if hold.database == database]
    if not mine or connection.scalar(select(func.pg_current_xact_id_if_assigned())) is None:
        return  # nothing was written
    for hold in sorted(mine, key=lambda one: one.study):
        connection.execute(select(func.pg_advisory_xact_lock_shared(_commits_of(hold))))
        is_lost = connection.scalar(select(func.pg_try_advisory_xact_lock_shared(hold.token)))
        with _CHANGING:
            is_held = hold in _HELD  # another thread may have released it meanwhile
        if is_lost and is_held:
            raise StoreError(
                "the server has dropped the connection by which this process held study "
                f"{hold.study!r}, so another process may be working on it. Finished work is "
                "kept. Run the same command again",
                may_pass=True,
            )


def _commits_of(hold: _Hold) -> int:
    return _key(f"{hold.study}/commits")


def _database(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _key(name: str) -> int:
    """Return the number of a lock in PostgreSQL."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
