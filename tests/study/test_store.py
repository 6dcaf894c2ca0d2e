from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import optuna
import pytest
from sqlalchemy import NullPool, create_engine, inspect, text

from tuner.errors import StoreError
from tuner.study.store import open_storage, shown

if TYPE_CHECKING:
    from pathlib import Path

MAKER = (
    "import sys, optuna\n"
    "from tuner.study.store import open_storage\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "storage = open_storage(sys.argv[1], create=True)\n"
    "optuna.create_study(study_name=sys.argv[2], storage=storage)\n"
)


def test_several_may_make_the_same_database_at_once(url: str, tmp_path: Path) -> None:
    names = [f"study {number}" for number in range(4)]
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    errors = [maker.communicate()[1] for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0, 0, 0], errors
    assert sorted(optuna.get_all_study_names(url)) == names
    assert not list(tmp_path.glob("*.new*"))


def test_it_is_made_where_the_file_system_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    url = f"sqlite:///{tmp_path}/new folder/studies.db"
    open_storage(url, create=True)
    assert optuna.get_all_study_names(url) == []
    with sqlite3.connect(tmp_path / "new folder" / "studies.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_nothing_is_left_where_it_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=r"studies\.db cannot be made: .*No space left"):
        open_storage(f"sqlite:///{tmp_path}/studies.db", create=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_servers_database_of_something_else_is_left_as_it_was(postgres: str) -> None:
    with pytest.raises(StoreError, match="is empty; run a study first"):
        open_storage(postgres, create=False)
    engine = create_engine(postgres, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE people (name TEXT)"))
    with pytest.raises(StoreError, match="was not made by Optuna; name an empty one"):
        open_storage(postgres, create=True)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["people"]


def test_a_password_is_not_shown() -> None:
    assert shown("sqlite:///studies.db") == "sqlite:///studies.db"
    with pytest.raises(StoreError, match="cannot be opened") as raised:
        open_storage("postgresql+psycopg://me:secret@localhost:1/x?connect_timeout=1", create=True)
    assert "secret" not in str(raised.value)
    assert "me:***@localhost" in str(raised.value)
