"""What of a study on a server is written only by the process that holds it, to the last commit.

A server forgets a lock with the connection that took it, and whoever took it is not told: a proxy
drops what is idle, or the server starts again. So each transaction asks, just before its commit,
whether its process still holds what it took; and who takes a study after another waits for commits
that have had their answer. (Fencing: Kleppmann 2017, Designing
Data-Intensive Applications, p. 303.)
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from tuner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

SECONDS_TO_WAIT_FOR_COMMITS = 30


@dataclass(frozen=True, slots=True)
class _Hold:
    study: str
    database: str
    token: int  # a lock that nobody else knows: the connection holds it as long as it lives


_HELD: set[_Hold] = set()
_CHANGING = Lock()


@contextmanager
def held(connection: Connection, study: str) -> Iterator[bool]:
    """Try to take a study, by a connection that does nothing else and commits by itself.

    Yields:
        Whether it is taken. It then is until the end, or until the server drops the connection.
    """
    hold = _Hold(study, _database(connection.engine.url), secrets.randbits(63))
    try:
        taken = _take(connection, hold)
        if taken:
            with _CHANGING:
                _HELD.add(hold)
        yield taken
    finally:
        with _CHANGING:
            _HELD.discard(hold)
        # Not left to the end of the connection, which the server may notice only later.
        with suppress(SQLAlchemyError):  # a server that is gone has let go of it
            connection.execute(select(func.pg_advisory_unlock_all()))


def _take(connection: Connection, hold: _Hold) -> bool:
    if not connection.scalar(select(func.pg_try_advisory_lock(_key(hold.study)))):
        return False
    patience = f"{SECONDS_TO_WAIT_FOR_COMMITS}s"
    connection.execute(select(func.set_config("lock_timeout", patience, False)))
    try:
        connection.execute(select(func.pg_advisory_lock(_commits_of(hold))))
    except OperationalError:  # a commit of who held it before does not end
        return False
    connection.execute(select(func.pg_advisory_unlock(_commits_of(hold))))
    connection.execute(select(func.pg_advisory_lock(hold.token)))
    return True


def refuse_if_lost(connection: Connection) -> None:
    """Refuse a commit of a process that no longer holds the studies that it took.

    Raises:
        StoreError: the server has let go of one of them.
    """
    database = _database(connection.engine.url)
    with _CHANGING:
        mine = [hold for hold in _HELD if hold.database == database]
    for hold in mine:
        connection.execute(select(func.pg_advisory_xact_lock_shared(_commits_of(hold))))
        if connection.scalar(select(func.pg_try_advisory_xact_lock_shared(hold.token))):
            raise StoreError(
                f"the server has dropped the connection by which this process held study "
                f"{hold.study!r}, so another may be at work on it. Finished work is kept. Run the "
                "same command again"
            )


def _commits_of(hold: _Hold) -> int:
    return _key(f"{hold.study}/commits")


def _database(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _key(name: str) -> int:
    """Return the number by which PostgreSQL knows a lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
