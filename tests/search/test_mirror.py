from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy import NullPool, create_engine, event, text

from tests.making import make_engine, open_as_command, search
from tuner.errors import StoreError
from tuner.search import write_behind
from tuner.search.coordinator import Coordinator
from tuner.search.mirror import Mirror
from tuner.study.database.sqlite import SECONDS_TO_WAIT_FOR_A_LOCK
from tuner.study.store import load_study
from tuner.unpromised.by_optuna import engine_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tuner.search.lineup import Running
    from tuner.study.configuration import StudyConfig


KEPT = (
    "number",
    "state",
    "values",
    "params",
    "distributions",
    "intermediate_values",
    "user_attrs",
    "system_attrs",
)


def everything(study: optuna.Study) -> list[dict[str, Any]]:
    """Return everything about a study's trials except clock times."""
    return [
        {name: getattr(trial, name) for name in KEPT} for trial in study.get_trials(deepcopy=False)
    ]


class Compares:
    """Compares memory with the database whenever it is told something.

    Ended trials must be in the database; running ones only after a write.
    """

    def __init__(self, mirror: Mirror, url: str) -> None:
        self.mirror, self.url, self.compared = mirror, url, 0

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        if ended is not None:
            numbers = [trial["number"] for trial in self._finished(load_study(self.url, "study"))]
            assert ended.number in numbers
        assert self._finished(self.mirror.study) == self._finished(load_study(self.url, "study"))
        self.mirror.flush()
        assert everything(self.mirror.study) == everything(load_study(self.url, "study"))
        self.compared += 1

    @staticmethod
    def _finished(study: optuna.Study) -> list[dict[str, Any]]:
        return [trial for trial in everything(study) if trial["state"].is_finished()]


@pytest.mark.slow
def test_memory_and_database_agree_at_every_step(config: StudyConfig, url: str) -> None:
    for total in (5, 9):  # the second time on trials that were there
        study, opened = open_as_command(url, "study", config)
        mirror = Mirror(study)
        observer = Compares(mirror, url)
        Coordinator(mirror, opened, make_engine(1), observer).search(total)
        assert observer.compared > 10
        assert everything(mirror.study) == everything(study)
        mirror.study.set_user_attr("said", (1, 2))
        assert mirror.study.user_attrs == load_study(url, "study").user_attrs


def test_a_trial_is_written_when_it_is_complete_enough_to_be_resumed(
    config: StudyConfig, url: str
) -> None:
    study, _ = open_as_command(url, "study", config)
    mirror = Mirror(study)
    arms = [mirror.study.ask() for _ in range(2)]
    new = mirror.study.ask()
    new.suggest_float("x", 0, 1)
    new.set_user_attr("seed", 7)
    assert [trial.number for trial in (*arms, new)] == [0, 1, 2]
    assert len(load_study(url, "study").trials) == 2
    mirror.write_new()
    mirror.write_new()
    written = load_study(url, "study").trials
    assert [trial.state for trial in written] == [TrialState.RUNNING] * 3
    assert (written[2].params, written[2].user_attrs) == (new.params, {"seed": 7})
    mirror.study.enqueue_trial({"x": 0.5}, user_attrs={"arm": "baseline"})
    assert everything(mirror.study) == everything(load_study(url, "study"))


def test_an_unwritten_trial_keeps_its_number_when_another_is_queued(
    config: StudyConfig, url: str
) -> None:
    study, _ = open_as_command(url, "study", config)
    mirror = Mirror(study)
    for _ in range(2):
        mirror.study.ask()
    asked = mirror.study.ask()
    mirror.study.enqueue_trial({"x": 0.5})
    assert asked.number == 2
    assert everything(mirror.study) == everything(load_study(url, "study"))


def running_trial(url: str, config: StudyConfig) -> tuple[Mirror, optuna.Trial]:
    study, _ = open_as_command(url, "study", config)
    mirror = Mirror(study)
    trial = mirror.study.ask()
    trial.set_user_attr("seed", 1)
    mirror.flush()
    return mirror, trial


def test_points_are_behind_for_a_second_at_most(
    config: StudyConfig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, trial = running_trial(url, config)
    trial.report(0.5, 1)
    trial.set_user_attr("said", "yes")
    trial.report(float("nan"), 2)
    assert load_study(url, "study").trials[0].intermediate_values == {}
    assert mirror.study.trials[0].intermediate_values[1] == 0.5
    monkeypatch.setattr(write_behind, "SECONDS_BEHIND", -1.0)
    trial.report(float("inf"), 3)
    assert everything(mirror.study)[0]["user_attrs"] == {
        "arm": "baseline",
        "seed": 1,
        "said": "yes",
    }
    written = load_study(url, "study").trials[0]
    assert str(written.intermediate_values) == "{1: 0.5, 2: nan, 3: inf}"
    assert written.user_attrs == mirror.study.trials[0].user_attrs


def test_what_is_there_already_is_written_over_after_all_before_it(
    config: StudyConfig, url: str
) -> None:
    mirror, trial = running_trial(url, config)
    trial.report(0.5, 1)
    trial.set_user_attr("seed", 2)
    mirror.study._storage.set_trial_intermediate_value(trial._trial_id, 1, 0.25)
    assert everything(mirror.study) == everything(load_study(url, "study"))
    assert load_study(url, "study").trials[0].intermediate_values == {1: 0.25}


def test_a_trial_that_ends_before_it_was_written_is_written_whole(
    config: StudyConfig, url: str
) -> None:
    study, _ = open_as_command(url, "study", config)
    mirror = Mirror(study)
    *_, new = (mirror.study.ask() for _ in range(3))  # after baseline and recipe
    mirror.study.tell(new, 0.5)
    assert load_study(url, "study").trials[2].value == 0.5
    assert everything(mirror.study) == everything(load_study(url, "study"))


def test_nothing_is_written_of_a_trial_that_has_ended(config: StudyConfig, url: str) -> None:
    mirror, trial = running_trial(url, config)
    mirror.study.tell(trial, 0.5)
    with pytest.raises(UpdateFinishedTrialError):
        mirror.set_trial_user_attr(0, "late", 1)
    with pytest.raises(UpdateFinishedTrialError):
        mirror.set_trial_intermediate_value(0, 7, 1.0)
    with pytest.raises(KeyError):
        mirror.set_trial_user_attr(99, "nobody's", 1)
    mirror.flush()
    assert everything(mirror.study) == everything(load_study(url, "study"))


@pytest.mark.parametrize("what", ["flush", "add_trial"])
def test_ctrl_c_at_the_moment_of_a_commit_writes_nothing_twice(
    config: StudyConfig, tmp_path: Path, what: str
) -> None:
    study, config = open_as_command(f"sqlite:///{tmp_path}/studies.db", "study", config)
    mirror = Mirror(study)
    _, _, trial = (mirror.study.ask() for _ in range(3))  # after baseline and recipe, a new one
    mirror.write_new()
    trial.report(0.5, 1)
    if what == "add_trial":
        mirror.study.ask()

    def press(_connection: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    engine = engine_of(study)
    event.listen(engine, "commit", press)
    with pytest.raises(KeyboardInterrupt):
        mirror.flush() if what == "flush" else mirror.write_new()
    event.remove(engine, "commit", press)
    mirror.write_new()
    mirror.flush()
    assert everything(mirror.study) == everything(
        load_study(f"sqlite:///{tmp_path}/studies.db", "study")
    )


def test_a_study_from_which_a_trial_was_deleted_is_not_continued(
    config: StudyConfig, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    study = search(url, config, 4)
    first = study.trials[1]
    with closing(sqlite3.connect(tmp_path / "studies.db")) as connection:
        connection.execute("DELETE FROM trials WHERE trial_id = ?", (first._trial_id,))
        connection.commit()
    with pytest.raises(StoreError, match="has no trial 1 any more, but trial 2"):
        search(url, config, 6)
    numbers = [trial.number for trial in load_study(url, "study").trials]
    assert numbers == [0, 2, 3], "nothing was written"


@pytest.mark.parametrize("what", ["flush", "write_new", "tell"])
@pytest.mark.parametrize("another", [False, True])
def test_nothing_is_written_for_a_study_that_was_deleted(
    config: StudyConfig, url: str, what: str, another: bool
) -> None:
    """Its rows would belong to the next trial of another study: SQLite reuses numbers."""
    mirror = Mirror(open_as_command(url, "study", config)[0])
    trial, other = mirror.study.ask(), mirror.study.ask()
    mirror.write_new()
    trial.report(0.5, 1)
    optuna.delete_study(study_name="study", storage=url)
    if another:
        optuna.create_study(study_name="another", storage=url).ask()
    if what == "write_new":
        mirror.study.ask()
    actions: dict[str, Callable[[], object]] = {
        "flush": mirror.flush,
        "write_new": mirror.write_new,
        "tell": lambda: mirror.study.tell(other, 0.5),
    }
    with pytest.raises(StoreError, match="study 'study', or a trial of it, was deleted"):
        actions[what]()
    with create_engine(url, poolclass=NullPool).connect() as connection:
        for table in ("trial_intermediate_values", "trial_user_attributes", "trial_params"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0, table


@pytest.mark.parametrize("what", ["flush", "write_new"])
def test_ctrl_c_ends_a_flush_that_waits_for_a_locked_database(
    config: StudyConfig, tmp_path: Path, what: str
) -> None:
    study, config = open_as_command(f"sqlite:///{tmp_path}/studies.db", "study", config)
    mirror = Mirror(study)
    _, _, trial = (mirror.study.ask() for _ in range(3))
    mirror.write_new()
    trial.report(0.5, 1)
    if what == "write_new":
        mirror.study.ask()
    with closing(sqlite3.connect(tmp_path / "studies.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        press = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))

        def wait() -> None:
            press.start()
            mirror.flush() if what == "flush" else mirror.write_new()

        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            wait()
        press.join()
        assert time.monotonic() - began < SECONDS_TO_WAIT_FOR_A_LOCK / 2
        other.execute("ROLLBACK")
    mirror.write_new()
    mirror.flush()
    url = f"sqlite:///{tmp_path}/studies.db"
    assert everything(mirror.study) == everything(load_study(url, "study"))
