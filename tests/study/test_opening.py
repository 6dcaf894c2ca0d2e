from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest

from tests.making import TINY, history, make_brief, open_as_command, search
from tuner.errors import StoreError, StudyError, UsageError
from tuner.study.database.storage import open_storage
from tuner.study.store import load_study

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.study.configuration import StudyConfig


def test_sqlite_is_opened_with_a_write_ahead_log(config: StudyConfig, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    study, _ = open_as_command(url, "study", config)
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    storage = open_storage(url, create=False)
    with storage.engine.connect() as connected:
        assert connected.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    assert study.user_attrs["tuner"]["case"] == "tiny"


def test_opening_twice_changes_nothing(config: StudyConfig, url: str) -> None:
    study, _ = open_as_command(url, "study", config)
    before = (study.user_attrs, len(study.trials))
    again, _ = open_as_command(url, "study", config)
    assert (again.user_attrs, len(again.trials)) == before
    assert len(again.trials) == 2


def test_the_plan_of_the_start_is_kept(config: StudyConfig, url: str) -> None:
    open_as_command(url, "study", config)
    other = replace(config, plan=replace(config.plan, evaluation_batch=7))
    _, opened = open_as_command(url, "study", other)
    assert opened.plan == config.plan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "its seed is 0, not 1"),
        ({"fixed": {"width": 3}}, r"its --fix is nothing, not width=3"),
    ],
)
def test_another_study_under_the_same_name_is_refused(
    config: StudyConfig, url: str, change: dict[str, object], message: str
) -> None:
    study = search(url, config, 2)
    before = history(study)
    with pytest.raises(StudyError, match=message):
        open_as_command(url, "study", replace(config, **change))  # type: ignore[arg-type]
    assert history(load_study(url, "study")) == before


def test_another_case_data_and_space_are_told_apart(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    open_as_command(url, "study", config)
    other = make_brief("housing", tmp_path)
    with pytest.raises(StudyError, match="its case is tiny, not housing") as error:
        open_as_command(url, "study", other)
    assert "its data is tiny with fingerprint" in str(error.value)
    assert "search space has changed in" in str(error.value)


def test_a_study_of_somebody_else_is_left_alone(config: StudyConfig, url: str) -> None:
    storage = open_storage(url, create=True)
    theirs = optuna.create_study(study_name="study", storage=storage)
    theirs.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(StoreError, match="was not made by tuner"):
        open_as_command(url, "study", config)
    assert len(theirs.trials) == 1
    with pytest.raises(StoreError, match="was not made by tuner"):
        load_study(url, "study")


def test_an_unknown_study_is_met_with_the_nearest(config: StudyConfig, url: str) -> None:
    open_as_command(url, "flowers", config)
    with pytest.raises(UsageError, match="no study 'flower'; did you mean 'flowers'"):
        load_study(url, "flower")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("nonsense", "is not a storage URL"),
        ("sqlite://", "in memory would be lost"),
        ("sqlite:///:memory:", "in memory would be lost"),
        ("sqlite:////proc/nowhere/studies.db", "cannot be"),
        ("foo://bar", "names a database of the kind 'foo'"),
    ],
)
def test_bad_urls_are_refused(bad: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        open_storage(bad, create=True)


def test_a_missing_database_is_not_made_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "none" / "studies.db"
    with pytest.raises(StoreError, match="no database"):
        load_study(f"sqlite:///{path}", "study")
    assert not path.parent.exists()


def test_files_that_tuner_did_not_make_are_left_as_they_were(tmp_path: Path) -> None:
    text, foreign = tmp_path / "notes.txt", tmp_path / "foreign.db"
    text.write_text("nothing that SQLite knows" * 100)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    before = text.read_bytes(), foreign.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.txt cannot be used as a database"):
        open_storage(f"sqlite:///{text}", create=True)
    with pytest.raises(StoreError, match=r"foreign\.db was not made by Optuna"):
        open_storage(f"sqlite:///{foreign}", create=True)
    assert (text.read_bytes(), foreign.read_bytes()) == before


def test_a_folder_is_not_a_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is a folder; name a file in it: .*/studies\.db"):
        open_storage(f"sqlite:///{tmp_path}", create=True)


def test_the_reference_is_kept_for_later(config: StudyConfig, url: str) -> None:
    study, _ = open_as_command(url, "study", config)
    assert study.user_attrs["tuner"]["reference"] == TINY


def test_reading_a_study_leaves_its_file_as_it_was(config: StudyConfig, tmp_path: Path) -> None:
    open_as_command(f"sqlite:///{tmp_path}/studies.db", "study", config)
    kept = tmp_path / "kept.db"
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("VACUUM INTO ?", (str(kept),))
    before = kept.read_bytes()
    assert load_study(f"sqlite:///{kept}", "study").user_attrs["tuner"]["case"] == "tiny"
    assert kept.read_bytes() == before
