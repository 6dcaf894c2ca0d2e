"""The service's tables: new ones, old ones upgraded without loss, newer ones refused."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, inspect, text

from tuner.commands.upgrade import main as upgrade_main
from tuner.errors import StoreError, UsageError
from tuner.runs.folder.archive import is_archive
from tuner.serve.jobs.leases import LEASE
from tuner.serve.jobs.queue import Queue
from tuner.serve.models.ledger import Ledger
from tuner.serve.schema import MIGRATIONS, known, newest, prepare, upgrade, version_in
from tuner.serve.tables import VERSION, Table
from tuner.serve.tokens import Tokens
from tuner.study.database.storage import open_storage
from tuner.workplace import Workplace, database_file

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import RDBStorage
    from sqlalchemy import Engine

# As the first version of the service created them. ID and REAL stand for each database's types.
FIRST = """
CREATE TABLE tuner_acts (id ID, at REAL NOT NULL, who VARCHAR NOT NULL, what VARCHAR NOT NULL,
  "on" VARCHAR NOT NULL, PRIMARY KEY (id));
CREATE TABLE tuner_jobs (id ID, "key" VARCHAR, kind VARCHAR NOT NULL, study VARCHAR NOT NULL,
  "case" VARCHAR NOT NULL, options JSON NOT NULL, state VARCHAR NOT NULL, wish VARCHAR NOT NULL,
  who VARCHAR NOT NULL, submitted REAL NOT NULL, started REAL, ended REAL, starts INTEGER NOT NULL,
  owner VARCHAR, lease REAL, last_words VARCHAR NOT NULL, PRIMARY KEY (id), UNIQUE ("key"));
CREATE INDEX ix_tuner_jobs_state ON tuner_jobs (state);
CREATE INDEX ix_tuner_jobs_study ON tuner_jobs (study);
CREATE TABLE tuner_promotions (id ID, "case" VARCHAR NOT NULL, alias VARCHAR NOT NULL,
  act VARCHAR NOT NULL, study VARCHAR NOT NULL, bundle VARCHAR NOT NULL, weights VARCHAR NOT NULL,
  proof VARCHAR NOT NULL, reason VARCHAR NOT NULL, who VARCHAR NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (id));
CREATE INDEX ix_tuner_promotions_case ON tuner_promotions ("case");
CREATE TABLE tuner_tokens (id ID, name VARCHAR NOT NULL, digest VARCHAR NOT NULL,
  role VARCHAR NOT NULL, made REAL NOT NULL, expires REAL, PRIMARY KEY (id), UNIQUE (name),
  UNIQUE (digest));
CREATE TABLE tuner_version (number ID, PRIMARY KEY (number));
INSERT INTO tuner_version (number) VALUES (1);
INSERT INTO tuner_acts (at, who, what, "on") VALUES (1.5, 'ann', 'submit', 'x');
INSERT INTO tuner_jobs ("key", kind, study, "case", options, state, wish, who, submitted, starts,
  last_words) VALUES ('k', 'study', 'x', 'tiny', '{"trials": 3}', 'queued', '', 'ann', 2.5, 0, 'w');
INSERT INTO tuner_promotions ("case", alias, act, study, bundle, weights, proof, reason, who, at)
  VALUES ('tiny', 'current', 'promote', 'x', 'b', 'f00', '', 'why not', 'ann', 3.5);
INSERT INTO tuner_tokens (name, digest, role, made) VALUES ('ann', 'ab', 'admin', 4.5)
"""


def first_version(engine: Engine) -> None:
    """Create the tables as the first version did, with a row in each."""
    words = {"sqlite": ("INTEGER NOT NULL", "DOUBLE"), "postgresql": ("SERIAL", "DOUBLE PRECISION")}
    number, real = words[engine.dialect.name]
    statements = FIRST.replace("id ID", f"id {number}").replace("number ID", f"number {number}")
    with engine.begin() as connection:
        for one in statements.replace(" REAL", f" {real}").split(";\n"):
            connection.exec_driver_sql(one)


def differences(engine: Engine) -> list[object]:
    """Return what Alembic would change in a database to match the models."""

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or str(name).startswith("tuner_")

    options = {"version_table": MIGRATIONS, "compare_type": True, "include_name": ours}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        found: list[object] = compare_metadata(context, Table.metadata)
        return found


@pytest.fixture
def storage(url: str) -> RDBStorage:
    return open_storage(url, create=True)


def test_a_new_database_and_an_upgraded_one_are_what_the_models_say(storage: RDBStorage) -> None:
    engine = storage.engine
    prepare(engine)
    prepare(engine)
    assert differences(engine) == []
    with engine.begin() as connection:
        assert version_in(connection) == newest() == known()[-1] == f"{VERSION:04}"
        for name in inspect(connection).get_table_names():
            if name.startswith("tuner_"):
                connection.execute(text(f"DROP TABLE {name}"))
        assert version_in(connection) is None
    first_version(engine)
    upgrade(engine)
    assert differences(engine) == []


def test_an_old_database_is_refused_then_upgraded_without_loss(storage: RDBStorage) -> None:
    engine = storage.engine
    first_version(engine)
    with pytest.raises(StoreError, match=r"version 0001, and this tuner needs .*; run: tuner"):
        prepare(engine)
    upgrade(engine)
    prepare(engine)
    (job,) = Queue(engine).all()
    assert (job.key, job.study, job.options, job.who, job.submitted, job.last_words) == (
        *("k", "x", {"trials": 3}, "ann"),
        *(2.5, "w"),
    )
    assert (job.priority, job.slots) == (0, None)
    claimed = Queue(engine).claim("a service")
    assert claimed is not None
    assert claimed.id == job.id
    (token,) = Tokens(engine).all()
    assert (token.name, token.role, token.made, token.expires) == ("ann", "admin", 4.5, None)
    (line,) = Ledger(storage, Workplace.at()).history()
    assert (line.case, line.reason, line.at) == ("tiny", "why not", 3.5)
    with engine.connect() as connection:
        assert connection.execute(text('SELECT who, "on" FROM tuner_acts')).all() == [("ann", "x")]
        assert connection.scalar(text("SELECT max(number) FROM tuner_version")) == VERSION


def test_an_upgrade_that_was_killed_changes_nothing_and_is_done_again(
    tmp_path: Path,
) -> None:
    """At any statement; with SQLite, Python begins no transaction before DDL."""
    place = Workplace.at(tmp_path / "home")
    engine = open_storage(place.url, create=True).engine
    first_version(engine)
    statements = 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal statements
        statements += statement.startswith(("ALTER", "DELETE"))
        if statements == 3:
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", count)
    with pytest.raises(KeyboardInterrupt):
        upgrade(engine)
    event.remove(engine, "before_cursor_execute", count)
    with engine.connect() as connection:
        assert version_in(connection) == "0001"
        columns = {one["name"] for one in inspect(connection).get_columns("tuner_jobs")}
    assert "priority" not in columns
    upgrade(engine)
    assert differences(engine) == []


def test_a_version_that_is_not_known_is_refused(storage: RDBStorage) -> None:
    prepare(storage.engine)
    with storage.engine.begin() as connection:
        connection.execute(text(f"UPDATE {MIGRATIONS} SET version_num = '9999'"))
    for act in (prepare, upgrade):
        with pytest.raises(StoreError, match="use the version of tuner that made them"):
            act(storage.engine)


def test_it_is_not_upgraded_under_a_service_that_works(storage: RDBStorage) -> None:
    first_version(storage.engine)
    with storage.engine.begin() as connection:
        lease = {"lease": time.time() + LEASE}
        connection.execute(text("UPDATE tuner_jobs SET state = 'running', lease = :lease"), lease)
    with pytest.raises(StoreError, match="a service is at work"):
        upgrade(storage.engine)
    with storage.engine.begin() as connection:
        connection.execute(text("UPDATE tuner_jobs SET lease = lease + 3600"))
    upgrade(storage.engine)  # the service died, and then the clock was set back


def test_the_command_makes_a_backup_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workplace.at(tmp_path / "home")
    home = ["--home", str(place.root)]
    engine = open_storage(place.url, create=True).engine
    assert upgrade_main(home) == 0
    assert "no service has used this" in capsys.readouterr().out
    first_version(engine)
    with pytest.raises(UsageError, match="contradict"):
        upgrade_main([*home, "--backed-up", "--backup", "x.zip"])
    assert upgrade_main(home) == 0
    said = capsys.readouterr().out
    assert f"went from version 0001 to {newest()}" in said
    (backup,) = tmp_path.glob("home-before-upgrade-*.zip")
    assert is_archive(backup)
    assert upgrade_main(home) == 0
    assert "it is up to date" in capsys.readouterr().out


@pytest.mark.slow
def test_on_a_server_the_backup_is_its_owners(postgres: str) -> None:
    assert database_file(postgres) is None
    first_version(open_storage(postgres, create=True).engine)
    with pytest.raises(StoreError, match="pg_dump"):
        upgrade_main(["--storage", postgres])
    assert upgrade_main(["--storage", postgres, "--backed-up"]) == 0
