"""The service's tables in a database: creates them, or brings old ones up to date.

It uses Alembic's migrations, with a version table of our own, because Optuna has one in the same
database.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Column, MetaData, String, func, insert, inspect, literal, select
from sqlalchemy import Table as CoreTable
from sqlalchemy.schema import CreateIndex, CreateTable

from tuner.errors import StoreError
from tuner.serve.jobs.leases import held_at
from tuner.serve.tables import VERSION, Job, Table, Version

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MIGRATIONS = "tuner_migrations"  # Alembic's version table, under our name
FIRST = "0001"  # the tables before there were migrations
MAKING_TABLES = 0x736572766572  # key of an advisory lock (PostgreSQL): "server" in ASCII
# The same table as Alembic's, but two services that start at once may both create it.
RECORD = CoreTable(MIGRATIONS, MetaData(), Column("version_num", String(32), primary_key=True))


def prepare(engine: Engine) -> None:
    """Make the tables if there are none.

    Raises:
        StoreError: they have an older or a newer version, or the database fails.
    """
    with engine.begin() as connection:
        _alone(connection)
        found = version_in(connection)
        if found is None:
            _make(connection)
        elif found not in known():
            raise StoreError(
                f"the service's tables have version {found}, and this tuner knows "
                f"{newest()}; use the version of tuner that made them"
            )
        elif found != newest():
            raise StoreError(
                f"the service's tables have version {found}, and this tuner needs {newest()}; run: "
                "tuner upgrade. It makes a backup first"
            )


def upgrade(engine: Engine) -> None:
    """Bring the tables up to date, without losing data.

    Raises:
        StoreError: a job is running, so a service is at work, or the database fails.
    """
    with engine.connect() as connection:
        found = version_in(connection)
        if found is not None:
            _refuse_a_running_service(connection)
    if found is None or found not in known() or found == newest():
        prepare(engine)
        return
    with engine.begin() as connection:
        _alone(connection)
        if connection.dialect.name == "sqlite":
            # Python's sqlite3 begins no transaction before DDL. Without one, an interrupted
            # migration would leave half of its changes and could not be repeated.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config = _config()
        config.attributes["connection"] = connection
        if MIGRATIONS not in inspect(connection).get_table_names():
            command.stamp(config, FIRST)
        command.upgrade(config, "head")


def version_in(connection: Connection) -> str | None:
    """Return the version of the tables in a database; None if there are none."""
    names = set(inspect(connection).get_table_names())
    if MIGRATIONS in names:
        found = connection.scalar(select(func.max(RECORD.c.version_num)))
        return None if found is None else str(found)
    if Version.__tablename__ not in names:
        return None
    number = connection.scalar(select(func.max(Version.number)))
    return None if number is None else f"{number:04}"


def known() -> list[str]:
    """Return the existing versions, oldest first."""
    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return [one.revision for one in found][::-1]


def newest() -> str:
    """Return the version that this tuner needs."""
    return f"{VERSION:04}"


def _make(connection: Connection) -> None:
    for table in (*Table.metadata.sorted_tables, RECORD):
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    columns = {Version.__table__.c.number: VERSION, RECORD.c.version_num: newest()}
    for column, value in columns.items():
        is_there = select(column).where(column == value).exists()
        row = select(literal(value)).where(~is_there)
        connection.execute(insert(column.table).from_select([column], row))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _alone(connection: Connection) -> None:
    """Lock the tables of a server against changes by others."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(MAKING_TABLES)))


def _refuse_a_running_service(connection: Connection) -> None:
    held = select(Job.id).where(Job.state == "running", held_at(time.time())).limit(1)
    number = connection.scalar(held)
    if number is not None:
        raise StoreError(
            f"job {number} is running, so a service is at work on this database; end it first, and "
            "run the same command again"
        )
