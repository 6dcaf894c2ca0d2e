"""A copy of the single database file has all finished work, however a command ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.exceptions import StorageInternalError as StorageError
from sqlalchemy.exc import SQLAlchemyError

from tests.forked import Command
from tests.making import TINY
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.study.database import write_ahead_log
from tuner.study.database.lock import only_writer
from tuner.study.database.storage import open_storage
from tuner.study.schema import ABLATION, CONFIRMATION
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SLOW = str(ROOT / "tests" / "cases" / "slow.py")
BREAKS = """
from dataclasses import replace
import optuna
from tests.cases.slow import CASE as SLOW


def suggest(trial):
    if isinstance(trial, optuna.Trial) and (trial.study.study_name, trial.number) == ("one", 6):
        raise RuntimeError("enough")
    return SLOW.suggest(trial)


CASE = replace(SLOW, suggest=suggest)
"""


def copied(database: Path) -> optuna.Study:
    """Return the study from a copy of only this file."""
    copy = database.parent / "elsewhere" / "copy.db"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    url = f"sqlite:///{copy}"
    name = optuna.get_all_study_names(url)[0]
    return optuna.load_study(study_name=name, storage=url)


def beside(database: Path) -> set[str]:
    return {path.name for path in database.parent.glob(f"{database.name}-*")}


@pytest.mark.parametrize("ends", ["well", "by an error", "by Ctrl-C"])
def test_what_is_written_is_in_the_file_when_a_writer_has_ended(ends: str, tmp_path: Path) -> None:
    database = tmp_path / "studies.db"
    url = f"sqlite:///{database}"
    reader: sqlite3.Connection | None = None

    def write() -> None:
        nonlocal reader
        with only_writer(url, "one"):
            study = optuna.create_study(storage=open_storage(url, create=True))
            reader = sqlite3.connect(database)
            reader.execute("SELECT count(*) FROM trials").fetchall()
            study.enqueue_trial({"x": 1})
            if ends == "by an error":
                raise ValueError
            if ends == "by Ctrl-C":
                raise KeyboardInterrupt

    if ends == "well":
        write()
    else:
        with pytest.raises((ValueError, KeyboardInterrupt)):
            write()
    assert len(copied(database).trials) == 1
    assert reader is not None
    reader.close()
    assert not beside(database)


def test_what_is_written_is_in_the_file_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead_log, "SECONDS_BETWEEN_CHECKPOINTS", 0.02)
    database = tmp_path / "studies.db"
    url = f"sqlite:///{database}"
    with only_writer(url, "one"):
        study = optuna.create_study(storage=open_storage(url, create=True))
        study.enqueue_trial({"x": 1})

        def is_there() -> bool:
            try:
                return len(copied(database).trials) == 1
            except IndexError:
                return False  # not even the study is in the file yet

        wait_until(is_there, lambda: "but in the log")


def test_reading_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    database = tmp_path / "studies.db"
    url = f"sqlite:///{database}"
    with only_writer(url, "one"):
        optuna.create_study(storage=open_storage(url, create=True), study_name="one")
    storage = open_storage(url, create=False)
    assert optuna.get_all_study_names(storage) == ["one"]
    assert not beside(database)


def test_the_log_of_a_deleted_database_is_not_played_into_the_next(tmp_path: Path) -> None:
    database = tmp_path / "studies.db"
    url = f"sqlite:///{database}"
    at_work = optuna.create_study(storage=open_storage(url, create=True), study_name="deleted")
    log = Path(f"{database}-wal").read_bytes()
    assert log
    for path in tmp_path.iterdir():
        path.unlink()
    Path(f"{database}-wal").write_bytes(log)
    assert optuna.get_all_study_names(open_storage(url, create=True)) == []
    assert at_work.study_name == "deleted", "its connection kept the log"


class Watched:
    """A command in its own process, whose number of ended trials is known."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.ended = 0
        self.running = Command(words, folder, os.environ)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.running.stdout:
            if re.match(r"\[\d+/", line):
                self.ended += 1

    def wait_for(self, trials: int) -> None:
        wait_until(lambda: self.ended >= trials or self.running.poll() is not None)
        assert self.running.poll() is None, self.running.communicate()

    def end(self) -> str:
        with self.running.stdout, self.running.stderr:
            errors = self.running.stderr.read()
            self.running.wait(timeout=SECONDS_TO_HANG)
            self._listener.join()
        return errors


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[None]:
    """Read the database again and again in the background, like a dashboard."""
    over = threading.Event()

    def read() -> None:
        database = tmp_path / "storage" / "studies.db"
        while not database.exists() and not over.wait(0.05):
            pass
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            while not over.wait(0.01):
                connection.execute("SELECT * FROM trials").fetchall()

    reader = threading.Thread(target=read)
    reader.start()
    yield
    over.set()
    reader.join()


def finished(study: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def finished_in_the_file(database: Path) -> int:
    """Return `finished` during writes: a copy made in the middle of a write is unreadable."""
    try:
        return finished(copied(database))
    except (AssertionError, IndexError, sqlite3.DatabaseError, SQLAlchemyError, StorageError):
        return 0


@pytest.mark.slow
@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("how", ["well", "error", "SIGINT", "SIGTERM", "SIGKILL"])
def test_a_copy_of_the_file_has_what_had_finished(how: str, tmp_path: Path) -> None:
    case = SLOW
    if how == "error":
        case = str(tmp_path / "breaks.py")
        Path(case).write_text(BREAKS, encoding="utf-8")
    trials = "8" if how in {"well", "error"} else "400"
    words = [case, "--trials", trials, "--seeds", "0", "--workers", "1", "--name", "one"]
    command = Watched(tmp_path, "tuner.study", *words)
    database = tmp_path / "storage" / "studies.db"
    if how.startswith("SIG"):
        command.wait_for(5)
        known = command.ended
        if how == "SIGKILL":  # nothing cleans up the file at its end
            wait_until(lambda: finished_in_the_file(database) >= known)
        command.running.send_signal(getattr(signal, how))
    errors = command.end()
    if how != "SIGKILL":
        known = command.ended
    status = {"well": 0, "error": 2, "SIGKILL": -signal.SIGKILL}.get(how, 130)
    assert command.running.returncode == status, errors
    assert known >= 3
    assert finished(copied(database)) >= known


@pytest.mark.slow
def test_so_it_is_after_the_other_commands(own_workplace: Path) -> None:
    database = own_workplace / "storage" / "studies.db"
    study = load_study(f"sqlite:///{database}", "tiny")
    stored = study.user_attrs[CONFIRMATION]
    winner = next(number for number in stored["candidates"] if number != 0)
    study.set_user_attr(CONFIRMATION, {**stored, "winner": winner})
    for words in (
        ("tuner.ablate", "tiny", "--case", TINY, "--seeds", "1", "--workers", "1"),
        ("tuner.retrain", "tiny", "--case", TINY),
        ("tuner.report", "tiny"),
        ("tuner.verify", "tiny", "--case", TINY, "--workers", "1"),
    ):
        command = Watched(own_workplace, *words)
        assert (command.end(), command.running.returncode) == ("", 0)
        assert not beside(database)
    copy = optuna.load_study(study_name="tiny", storage=f"sqlite:///{_moved(database)}")
    assert ABLATION in copy.user_attrs
    attributes = copy._storage.get_study_system_attrs(copy._study_id)
    assert any("weights.safetensors" in str(one) for one in attributes.values())


def _moved(database: Path) -> Path:
    copy = database.parent.parent / "copy.db"
    shutil.copy(database, copy)
    return copy
