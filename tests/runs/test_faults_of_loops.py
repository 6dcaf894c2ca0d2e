"""A study of a loop whose database is locked, in use, or on a full disk: nothing is lost."""

from __future__ import annotations

import re
import sqlite3
from contextlib import chdir, closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.disks import leave
from tests.making import DATABASE
from tests.runs.test_loop_studies import trials_of
from tuner.commands.study import main as study
from tuner.errors import StoreError, StudyError, TunerError
from tuner.study.database import sqlite
from tuner.study.database.lock import only_writer

if TYPE_CHECKING:
    from pathlib import Path

DRAWN = """
import random

def objective(trial):
    trial.report(random.random(), 0)
    return trial.suggest_float("a", 0, 1) + random.random()
"""
QUICK = ["train.py:objective", "--direction", "maximize", "--seeds", "0", "--workers", "1"]


def drawn(folder: Path) -> list[tuple[Any, ...]]:
    """Return the result of that loop without a disturbance, in three trials."""
    folder.mkdir()
    (folder / "train.py").write_text(DRAWN, encoding="utf-8")
    with chdir(folder):
        assert study([*QUICK, "--trials", "3"]) == 0
    return trials_of(folder)


@pytest.mark.slow
def test_a_locked_database_is_one_line_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drawn(tmp_path / "whole")
    monkeypatch.setattr(sqlite, "SECONDS_TO_WAIT_FOR_A_LOCK", 0.2)
    monkeypatch.setattr(sqlite, "SECONDS_BETWEEN_TRIES", 0.05)
    (tmp_path / "train.py").write_text(DRAWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert study([*QUICK, "--trials", "1"]) == 0
    before = trials_of(tmp_path)
    with closing(sqlite3.connect("storage/studies.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # like another program with a long write
        with pytest.raises(StoreError, match="database is locked") as error:
            study([*QUICK, "--trials", "3"])
        other.execute("ROLLBACK")
    assert "\n" not in str(error.value)
    assert trials_of(tmp_path) == before
    assert study([*QUICK, "--trials", "3"]) == 0
    assert trials_of(tmp_path) == whole


@pytest.mark.slow
def test_a_second_command_on_the_same_loop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(DRAWN, encoding="utf-8")
    with chdir(tmp_path):
        assert study([*QUICK, "--trials", "1"]) == 0
        before = trials_of(tmp_path)
        with (
            only_writer(DATABASE, "train"),
            pytest.raises(
                StudyError, match=r"process \d+ is at work on study 'train'; wait for it"
            ),
        ):
            study([*QUICK, "--trials", "2"])
        assert trials_of(tmp_path) == before
        assert study([*QUICK, "--trials", "2"]) == 0
    assert len(trials_of(tmp_path)) == 2


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_nothing_is_lost(small_disk: Path, tmp_path: Path) -> None:
    whole = drawn(tmp_path / "whole")
    (small_disk / "train.py").write_text(DRAWN, encoding="utf-8")
    refused: list[str] = []
    ended = None
    with chdir(small_disk):
        while ended is None:
            leave(small_disk, 30_000 * 2 ** len(refused))
            try:
                ended = study([*QUICK, "--trials", "3"])
            except (TunerError, OSError) as error:
                refused.append(str(error))
    assert ended == 0
    assert len(refused) >= 2
    for said in refused:
        assert re.search("disk is full|No space left|disk I/O error", said)
        assert "\n" not in said
    assert trials_of(small_disk) == whole


DELETES = """
import optuna

def objective(trial):
    if trial.number == 1:
        optuna.delete_study(study_name="train", storage="sqlite:///storage/studies.db")
    trial.report(0.5, 0)
    return trial.suggest_float("a", 0, 1)
"""


@pytest.mark.slow
def test_a_study_that_is_deleted_meanwhile_is_one_line_and_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(DELETES, encoding="utf-8")
    with chdir(tmp_path):
        with pytest.raises(StoreError, match="study 'train', or a trial of it, was deleted"):
            study([*QUICK, "--trials", "3"])
        (tmp_path / "train.py").write_text(DRAWN, encoding="utf-8")
        assert study([*QUICK, "--trials", "3"]) == 0
    assert len(trials_of(tmp_path)) == 3
