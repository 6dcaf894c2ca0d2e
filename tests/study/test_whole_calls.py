"""Ctrl-C during a write to a database file: the write is atomic, and nothing stays open."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import optuna
import pytest
from optuna.distributions import FloatDistribution

from tuner.search.mirror import Mirror
from tuner.study.database import sqlite
from tuner.study.database.lock import only_writer
from tuner.study.database.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


class Striker:
    """Presses Ctrl-C before or after the n-th statement or commit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
        self.left, self.after, self.patiently = 0, after, sqlite._patiently
        monkeypatch.setattr(sqlite, "_patiently", self.do)

    def do(self, statement: Callable[[], T]) -> T:
        self.left -= 1
        strikes = self.left == 0
        if strikes and not self.after:
            signal.raise_signal(signal.SIGINT)
        found = self.patiently(statement)
        if strikes and self.after:
            signal.raise_signal(signal.SIGINT)
        return found


def set_an_attribute(study: optuna.Study, number: int) -> None:
    study.set_user_attr("number", number)


def write_a_trial(study: optuna.Study, number: int) -> None:
    mirror = Mirror(study)
    mirror.study.ask({"x": FloatDistribution(number, number + 1)})
    mirror.write_new()


# Queries whose result must be 1, before and after an interrupted write.
WHOLE: dict[Callable[[optuna.Study, int], None], str] = {
    set_an_attribute: "SELECT value_json = '{}' FROM study_user_attributes WHERE key = 'number'",
    write_a_trial: "SELECT (SELECT count(*) FROM trials) = (SELECT count(*) FROM trial_params)",
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", WHOLE, ids=lambda write: write.__name__)
def test_ctrl_c_leaves_a_write_whole_and_nothing_open(
    write: Callable[[optuna.Study, int], None],
    after: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = tmp_path / "studies.db"
    url = f"sqlite:///{database}"
    striker, moment = Striker(monkeypatch, after=after), 0
    checked: list[tuple[int, list[tuple[int]]]] = []
    with only_writer(url, "one"), closing(sqlite3.connect(database)) as other:
        study = optuna.create_study(storage=open_storage(url, create=True))
        while True:
            moment += 1
            striker.left = moment
            try:
                write(study, moment)
                striker.left = 0
                break  # there are no more statements
            except KeyboardInterrupt:  # the interrupted frames still exist here
                striker.left = 0
                ((busy, *_),) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                whole = other.execute(WHOLE[write].format(moment)).fetchall()
                study.set_user_attr("session", moment)  # by any connection: none is locked
            checked.append((busy, whole))
    assert len(checked) > 3
    assert set(map(repr, checked)) == {repr((0, [(1,)]))}
