from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import optuna
import pytest
from sqlalchemy import NullPool, create_engine, event, text

from tests.waiting import wait_until
from tuner.errors import StoreError, StudyError
from tuner.search.mirror import Mirror
from tuner.study.database import fence
from tuner.study.database.lock import only_writer
from tuner.study.database.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

pytestmark = pytest.mark.slow  # each needs a PostgreSQL server

HOLDERS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextmanager
def other(url: str) -> Iterator[Any]:
    """Yield a connection that is not tuner's."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def drop_holders(url: str) -> None:
    """Close connections, as a restarted server does, or a proxy with idle ones."""
    with other(url) as connection:
        holders = set(connection.scalars(text(HOLDERS)))
        assert len(holders) == 1
        connection.execute(text(f"SELECT pg_terminate_backend({holders.pop()})"))
        wait_until(lambda: not connection.scalars(text(HOLDERS)).all())


def test_who_has_lost_a_study_writes_nothing_more_of_it(postgres: str) -> None:
    with only_writer(postgres, "one"):
        study = optuna.create_study(study_name="one", storage=open_storage(postgres, create=True))
        mirror = Mirror(study)
        mirror.study.ask()
        mirror.write_new()
        drop_holders(postgres)
        with only_writer(postgres, "one"):  # as another process would
            pass
        mirror.study.ask()
        with pytest.raises(StoreError, match=r"held study 'one', .*Run the same command again"):
            mirror.write_new()
        with pytest.raises(StoreError, match="held study 'one'"):
            study.set_user_attr("late", 1)
    read = optuna.load_study(study_name="one", storage=open_storage(postgres, create=False))
    assert len(read.trials) == 1
    assert not read.user_attrs


def test_what_only_reads_is_not_refused(postgres: str) -> None:
    reader = open_storage(postgres, create=True)
    with only_writer(postgres, "one"):
        drop_holders(postgres)
        assert optuna.get_all_study_names(reader) == []
        with pytest.raises(StoreError, match="held study 'one'"):
            optuna.create_study(study_name="two", storage=reader)


def test_a_study_may_be_let_go_while_another_thread_commits(postgres: str) -> None:
    storage = open_storage(postgres, create=True)
    asks, may_ask = Event(), Event()

    def linger(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "pg_try_advisory_xact_lock_shared" in statement:
            asks.set()
            assert may_ask.wait(60)

    def write() -> None:
        with storage.engine.begin() as connection:
            connection.execute(text("INSERT INTO studies (study_name) VALUES ('two')"))

    event.listen(storage.engine, "before_cursor_execute", linger)
    with only_writer(postgres, "one"):
        writer = Thread(target=write)
        writer.start()
        assert asks.wait(60)
    may_ask.set()
    writer.join(60)
    assert optuna.get_all_study_names(open_storage(postgres, create=False)) == ["two"]


def test_what_is_not_held_is_written_as_ever(postgres: str) -> None:
    storage = open_storage(postgres, create=True)
    with only_writer(postgres, "one"):
        optuna.create_study(study_name="two", storage=storage)
    optuna.create_study(study_name="three", storage=storage)
    assert set(optuna.get_all_study_names(storage)) == {"two", "three"}


def test_a_commit_that_was_allowed_is_waited_for(postgres: str) -> None:
    storage = open_storage(postgres, create=True)
    allowed, may_end, taken = Event(), Event(), Event()
    seen: list[str] = []

    def linger(_connection: object) -> None:
        allowed.set()
        assert may_end.wait(60)

    def write() -> None:
        with storage.engine.begin() as connection:
            connection.execute(text("INSERT INTO studies (study_name) VALUES ('one')"))

    def succeed() -> None:
        with only_writer(postgres, "one"), other(postgres) as connection:
            seen.extend(connection.scalars(text("SELECT study_name FROM studies")))
            taken.set()

    with only_writer(postgres, "one"):
        event.listen(storage.engine, "commit", linger)  # after tuner's own
        slow = Thread(target=write)
        slow.start()
        assert allowed.wait(60)
        drop_holders(postgres)
        second = Thread(target=succeed)
        second.start()
        assert not taken.wait(1)
        may_end.set()
        assert taken.wait(60)
        slow.join(60)
        second.join(60)
    assert seen == ["one"]


def test_a_commit_that_does_not_end_is_waited_for_no_longer_than_that(
    postgres: str,
) -> None:
    open_storage(postgres, create=True)
    with other(postgres) as connection:
        key = fence._key("one/commits")
        connection.execute(text(f"SELECT pg_advisory_lock_shared({key})"))
        with (
            pytest.raises(StudyError, match="is at work on study 'one'"),
            only_writer(postgres, "one", 0.1),
        ):
            pytest.fail("a commit is on its way")
    with only_writer(postgres, "one"):
        pass
