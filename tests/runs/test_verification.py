"""`tuner verify`: stored trials are trained again, and every difference is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from tests.making import DATABASE, TINY, make_brief, open_as_command, search
from tests.sampling import one_in
from tuner.commands.ending import INTERRUPTED
from tuner.commands.verify import main
from tuner.engines.choosing import ThisMachine
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Failed, Finished
from tuner.engines.worker import run
from tuner.errors import CaseError, EngineError, StoreError, StudyError, UsageError
from tuner.evidence.trials.repetition import first_difference, missing_trials, other_machine
from tuner.machine import machine
from tuner.search.jobs import search_job
from tuner.study.database.lock import only_writer
from tuner.study.schema import FACTS
from tuner.study.store import load_study
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tuner.training.fitting import ReportPoint

pytestmark = pytest.mark.xdist_group("verification")  # its fixtures are made once

TRIALS = 14
OURS = ("tiny", "--case", TINY)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study whose trials have all kinds of endings."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "storage").mkdir()
    study = search(
        f"sqlite:///{folder}/storage/studies.db", make_brief(TINY, folder), TRIALS, name="tiny"
    )
    assert {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED", "FAIL"}
    with only_writer(f"sqlite:///{folder}/storage/studies.db", "tiny"):
        pass  # closes the database, as at the end of a command
    return folder


@pytest.fixture
def study(stored: Path, monkeypatch: pytest.MonkeyPatch) -> optuna.Study:
    """A copy of that study; the test runs in its folder."""
    monkeypatch.chdir(stored)
    return load_study(DATABASE, "tiny")


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the output; a slow machine also prints that it is still working."""
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if not line.startswith("Still ")]


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_all_trials_are_the_same_again_and_nothing_is_written(
    study: optuna.Study, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    before = Path("storage/studies.db").read_bytes()
    assert main([*OURS, "--all", "--workers", workers]) == 0
    said = told(capsys)
    assert said[-1] == f"{TRIALS} of {TRIALS} trials of study 'tiny' are the same, bit for bit."
    assert sorted(int(line.split()[1]) for line in said[:-1]) == list(range(TRIALS))
    assert all("): the same, " in line for line in said[:-1])
    assert Path("storage/studies.db").read_bytes() == before
    assert len(study.trials) == TRIALS


def test_one_trial_or_a_sample(study: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*OURS, "--trial", "2", "--workers", "1"]) == 0
    first, last = told(capsys)
    assert first.startswith(f"Trial 2 ({study.trials[2].state.name}): the same, ")
    assert last.startswith("1 of 1 ")
    assert main([*OURS, "--workers", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("3 of 3 ")


def again(trial: FrozenTrial, config: Any) -> tuple[Finished | Failed, list[ReportPoint]]:
    """Train a complete trial again."""
    attributes = trial.user_attrs
    running = run(search_job(config, attributes["hyperparameters"], attributes["seed"]))
    points = list(running)
    return Finished(1.0), points


def set_attribute(name: str, value: Any) -> Callable[[FrozenTrial], None]:
    return lambda trial: trial.set_user_attr(name, value)


def nudge_curve(column: int) -> Callable[[FrozenTrial], None]:
    def alter(trial: FrozenTrial) -> None:
        curve = deepcopy(trial.user_attrs["curve"])
        curve[1][column] *= 1 + 2**-52  # the smallest possible difference
        trial.set_user_attr("curve", curve)

    return alter


def nudge_value(trial: FrozenTrial) -> None:
    assert trial.value is not None
    trial.value *= 1 - 2**-52


def cut_curve(trial: FrozenTrial) -> None:
    trial.set_user_attr("curve", trial.user_attrs["curve"][:-1])


def drop_report(trial: FrozenTrial) -> None:
    trial.intermediate_values.popitem()


def invent_report(trial: FrozenTrial) -> None:
    trial.intermediate_values[1000] = 0.5


def other_width(trial: FrozenTrial) -> None:
    trial.params = {**trial.params, "width": 3 if trial.params["width"] == 2 else 2}


def other_range(trial: FrozenTrial) -> None:
    trial.distributions = {**trial.distributions, "width": IntDistribution(1, 100)}


def set_state(state: TrialState) -> Callable[[FrozenTrial], None]:
    def alter(trial: FrozenTrial) -> None:
        trial.state = state

    return alter


def prune(*removed: str) -> Callable[[FrozenTrial], None]:
    """Make a complete trial look like one that was pruned, except for its value."""

    def alter(trial: FrozenTrial) -> None:
        trial.state, trial.value = TrialState.PRUNED, 0.99
        kept = {name: value for name, value in trial.user_attrs.items() if name not in removed}
        trial.user_attrs = kept

    return alter


@pytest.mark.parametrize(
    ("alter", "named"),
    one_in(
        2,
        [
            (set_attribute("seed", 1), "seed: 1 stored"),
            (other_width, "hyperparameters: {'width': "),
            (other_range, "parameters: "),
            (set_state(TrialState.FAIL), "state: FAIL stored, COMPLETE now"),
            (set_state(TrialState.PRUNED), "best epoch: "),
            (prune("best_epoch"), "fold scores: "),
            (prune("best_epoch", "fold_scores"), "value: 0.99 stored"),
            (set_attribute("diverged", True), "diverged: True stored, False now"),
            (nudge_curve(2), "training loss at point 2 (epoch 2): "),
            (nudge_curve(4), "validation at point 2 (epoch 2): "),
            (cut_curve, "number of points: "),
            (drop_report, "report "),
            (invent_report, "number of reports: "),
            (set_attribute("failure", "MemoryError"), "failure: MemoryError stored, None now"),
            (set_attribute("best_epoch", 0), "best epoch: 0 stored"),
            (set_attribute("fold_scores", [1.0]), "fold scores: [1.0] stored"),
            (nudge_value, "value: "),
        ],
    ),
)
def test_the_first_difference_is_named(
    study: optuna.Study, alter: Callable[[FrozenTrial], None], named: str
) -> None:
    config = make_brief(TINY, Path.cwd())
    trial = deepcopy(study.get_trials(states=(TrialState.COMPLETE,))[0])
    event, points = again(trial, config)
    assert first_difference(config, trial, event, points) is None
    alter(trial)
    difference = first_difference(config, trial, event, points)
    assert difference is not None
    assert difference.startswith(named)


@pytest.mark.parametrize(
    ("change", "said"),
    one_in(
        2,
        [
            ("DELETE FROM trials WHERE number = 3", "Not in the database: 3."),
            ("UPDATE trials SET state = 'RUNNING' WHERE number = 3", "Not finished: 3."),
            (
                "DELETE FROM trial_user_attributes WHERE key = 'seed' AND trial_id = 4",
                "differs in its stored attributes, which are damaged: KeyError('seed')",
            ),
            (
                "UPDATE trial_user_attributes SET value_json = '[[1]]' "
                "WHERE key = 'curve' AND trial_id = 1",
                "differs in its stored attributes, which are damaged: ValueError",
            ),
            (
                "UPDATE trial_user_attributes SET value_json = '{\"epochs\": 1000000000}' "
                "WHERE key = 'hyperparameters' AND trial_id = 1",
                "Trial 0 (COMPLETE): differs in hyperparameters: ",
            ),
        ],
    ),
)
def test_an_altered_database_is_noticed(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, said: str
) -> None:
    del study
    shutil.copytree("storage", tmp_path / "storage")
    url = f"sqlite:///{tmp_path}/storage/studies.db"
    with closing(sqlite3.connect(tmp_path / "storage" / "studies.db")) as database:
        assert database.execute(change).rowcount == 1
        database.commit()
    assert main([*OURS, "--all", "--workers", "1", "--storage", url]) == 1
    assert said in capsys.readouterr().out


def test_trials_from_elsewhere_are_not_compared(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were not trained here; the others are the same."""
    shutil.copytree("storage", tmp_path / "storage")
    url = f"sqlite:///{tmp_path}/storage/studies.db"
    there = load_study(url, study.study_name)
    there.add_trial(create_trial(state=TrialState.COMPLETE, value=0.5))
    assert main([*OURS, "--all", "--workers", "1", "--storage", url]) == 0
    said = capsys.readouterr().out.splitlines()
    assert f"Not trained by tuner, so not compared: {TRIALS}." in said
    assert said[-1].startswith(f"{TRIALS} of {TRIALS} trials ")
    with pytest.raises(UsageError, match=f"trial {TRIALS} of study 'tiny' was not trained by"):
        main([*OURS, "--trial", str(TRIALS), "--storage", url])


def test_what_a_study_says_of_itself_is_checked(study: optuna.Study, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/odd.db"
    search(url, make_brief(TINY, tmp_path), 1, name="tiny")
    odd = load_study(url, "tiny")
    for plan in ({"foo": 1}, 5):
        odd.set_user_attr(FACTS, {**study.user_attrs[FACTS], "plan": plan})
        with pytest.raises(StoreError, match="was not written by tuner, or was altered since"):
            main([*OURS, "--storage", url])


def test_a_database_does_not_choose_what_code_is_run(study: optuna.Study) -> None:
    del study
    with pytest.raises(CaseError, match="uses your own case 'tiny'; pass its file: --case"):
        main(["tiny"])


def test_a_training_that_fails_now_is_a_difference(study: optuna.Study) -> None:
    config = make_brief(TINY, Path.cwd())
    trial = study.get_trials(states=(TrialState.COMPLETE,))[0]
    assert first_difference(config, trial, Failed("no room"), []) is not None


def test_a_training_that_was_stored_otherwise_is_named_and_the_exit_status_says_so(
    study: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the smallest possible difference, at the first point of one trial."""
    shutil.copytree("storage", tmp_path / "storage")
    curve = deepcopy(study.trials[0].user_attrs["curve"])
    curve[0][2] *= 1 + 2**-52
    with closing(sqlite3.connect(tmp_path / "storage" / "studies.db")) as database, database:
        changed = database.execute(
            "UPDATE trial_user_attributes SET value_json = ? WHERE key = 'curve' AND trial_id = 1",
            (json.dumps(curve),),
        )
        assert changed.rowcount == 1
    url = f"sqlite:///{tmp_path}/storage/studies.db"
    assert main([*OURS, "--trial", "0", "--workers", "1", "--storage", url]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "differs in training loss at point 1 (epoch 1): " in said[0]
    assert said[-1].startswith("0 of 1 trials ")


def test_the_machine_is_compared_in_what_results_hang_on() -> None:
    here = machine()
    assert other_machine([{"machine": here}]) == []
    assert other_machine([{"machine": {**here, "cores": 96, "memory_gib": 1.5}}]) == []
    assert other_machine([]) == []
    elsewhere = {**here, "torch": "1.0", "processor": "Z80"}
    assert other_machine([{"machine": elsewhere}]) == [
        f"processor Z80 there, {here['processor']} here",
        f"torch 1.0 there, {here['torch']} here",
    ]
    assert other_machine([{"machine": elsewhere}, {"machine": here}]) == []


def test_what_cannot_be_verified_is_refused(study: optuna.Study, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no study 'tinny'; did you mean 'tiny'"):
        main(["tinny"])
    with pytest.raises(UsageError, match="no finished trial 99; its last finished one is 13"):
        main([*OURS, "--trial", "99"])
    empty = f"sqlite:///{tmp_path}/empty.db"
    open_as_command(empty, "empty", make_brief(TINY, tmp_path))
    with pytest.raises(StudyError, match="no finished trial yet"):
        main(["empty", "--storage", empty])
    with pytest.raises(EngineError, match="begun on a GPU"):
        ThisMachine(1).engine(Plan(device="cuda"))


def test_ctrl_c_ends_it(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: InProcessEngine, key: int, timeout: float) -> Iterator[None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(InProcessEngine, "next", interrupted)
    assert main([*OURS, "--workers", "1"]) == INTERRUPTED
    assert "Stopped before all were compared." in capsys.readouterr().out


def test_what_is_queued_and_has_not_begun_is_not_missing() -> None:
    queued = optuna.create_study()
    queued.tell(queued.ask(), 0.5)
    queued.enqueue_trial({"x": 1})
    assert missing_trials(queued) == []
    queued.ask()
    assert missing_trials(queued) == ["Not finished: 1."]
