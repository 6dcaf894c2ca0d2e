"""A service that starts while another process writes waits for it, and reports this."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.sampling import one_in
from tests.serve.making import make_service
from tuner.errors import StoreError
from tuner.study.database import sqlite
from tuner.study.database.sqlite import is_busy, waits_told
from tuner.study.database.storage import open_storage
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 0.6


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])  # usual, and after tuner restore
@pytest.mark.parametrize("begin", one_in(2, ["EXCLUSIVE", "IMMEDIATE"]))
@pytest.mark.slow
def test_it_waits_for_a_writer(
    mode: str, begin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "SECONDS_UNTIL_IT_IS_SAID", 0.0)
    place = Workplace.at(tmp_path)
    open_storage(place.url, create=True).engine.dispose()
    file = tmp_path / "studies.db"
    writer = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    writer.execute(f"PRAGMA journal_mode={mode}")
    writer.execute(f"BEGIN {begin}")
    writer.execute("CREATE TABLE written (a)")
    end = threading.Timer(SECONDS, lambda: writer.execute("COMMIT"))
    end.start()
    told: list[str] = []
    with waits_told(told.append):
        service = make_service(place)
    end.join()
    writer.close()
    assert service.queue.states() == {}
    assert len(told) >= 1
    assert told[0].startswith("Another process is writing to the database; waiting for it")


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_BUSY_RECOVERY,
        sqlite3.SQLITE_BUSY_SNAPSHOT,
        sqlite3.SQLITE_BUSY_TIMEOUT,
    ],
)
def test_every_kind_of_lock_is_waited_for(code: int) -> None:
    tries = 0

    def locked_twice() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = code
            assert is_busy(error)
            raise error
        return "done"

    assert sqlite._patiently(locked_twice) == "done"


def test_who_waits_in_vain_is_told_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workplace.at(tmp_path)
    service = make_service(place)
    monkeypatch.setattr(sqlite, "SECONDS_TO_WAIT_FOR_A_LOCK", 0.1)
    writer = sqlite3.connect(tmp_path / "studies.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    begin = time.monotonic()
    with pytest.raises(StoreError, match="another process has been writing to it for"):
        service.tidying.archive("a study", "somebody")
    assert time.monotonic() - begin >= 0.1
    writer.close()
