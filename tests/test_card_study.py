"""How studies/gpu/run.sh reacts: there may be only one chance to run it on a GPU."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from argparse import Namespace
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import optuna
import pytest

FOLDER = Path(__file__).parents[1] / "studies" / "gpu"
MADE = {"curve": [[1, 0.5, 1.0, 0.1, 0.2], [2, 1.5, 0.9, 0.2, 0.3]]}


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module("check")


@pytest.fixture
def checks(check: Any, tmp_path: Path) -> Any:
    given = Namespace(out=tmp_path / "out", device="cpu", quick=True, data_dir=None, seconds=60)
    return check.Checks(given)


def test_a_package_of_another_version_is_named(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"filelock": "3.20.0", "torch": "2.11.0+cu130", "optuna": "6.0.0"}

    def version(name: str) -> str:
        if name not in there:
            raise PackageNotFoundError(name)
        return there[name]

    assert check.outdated() == []
    monkeypatch.setattr(check, "version", version)
    assert check.outdated() == ["filelock 3.20.0 (not >=4.0.5)", "optuna 6.0.0 (not ~=5.0.0)"]


@pytest.mark.slow
def test_a_command_that_takes_too_long_is_stopped_and_what_it_said_is_kept(checks: Any) -> None:
    done = checks.run(["-c", "import time; print('half', flush=True); time.sleep(60)"], 2)
    assert not done.ended
    assert done.seconds < 10
    assert "half" in done.output
    assert "half" in (checks.out / "outputs.log").read_text()


def test_of_a_check_that_fails_the_line_is_told(
    check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be no second chance to look at it."""

    def breaks(checks: Any) -> None:
        checks.searched["mnist"].seconds += 1

    given = ["check.py", "--out", str(tmp_path), "--device", "cpu", "--only", "tests"]
    monkeypatch.setattr(sys, "argv", given)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(check, "CHECKS", {"environment": breaks, "tests": breaks})
    check.main()
    lines = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["check"] for line in lines] == ["environment", "tests"]
    for told in map(json.loads, lines):
        assert told["failed"] == "KeyError: 'mnist'"
        assert 'checks.searched["mnist"].seconds += 1' in told["output"]
    assert "in breaks" in (tmp_path / "outputs.log").read_text(encoding="utf-8")


def test_a_command_that_fails_says_why(check: Any) -> None:
    output = "a line\n" * 1000 + "RuntimeError: CUDA error"
    assert check.why(check.Run(1.0, ended=True, output=output, until=0.0)) == {}
    told = check.why(check.Run(1.0, ended=False, output=output, until=0.0))
    assert told["output"].endswith("CUDA error")
    assert len(told["output"]) == 2000


def test_the_card_is_busy_during_the_search_or_not(check: Any) -> None:
    sampling = import_module("sampling")
    looks = [
        sampling.Look(100.0 + second, 80.0 if 10 <= second <= 20 else 0.0, 1000.0 + second)
        for second in range(30)
    ]
    facts = sampling.Samples(looks).facts((110.0, 120.0))
    assert facts["busy_in_search_per_cent"] == 80.0
    assert facts["card_busy_per_cent"] == round(80 * 11 / 30, 1)
    assert facts["busy_by_5_s"] == [0, 0, 80, 80, 16, 0]
    assert facts["card_memory_peak_mib"] == 1029.0
    assert "busy_in_search_per_cent" not in sampling.Samples(looks).facts()
    assert "not measured" in sampling.Samples().facts((110.0, 120.0))["card_busy"]


def test_where_the_time_of_a_study_went_is_told(check: Any) -> None:
    study = optuna.create_study()
    assert check.parts_of(None) == check.parts_of(study) == {}
    assert check.search_of(None) is None
    study.set_user_attr("sessions", [{"workers": 8, "search_seconds": 30.04}])
    for _ in range(3):
        study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=MADE))
    began, ended = check.search_of(study)
    assert began <= ended
    assert check.parts_of(study) == {"search_seconds": 30.0}
    assert check.epochs_of(study) == 4.5


def test_a_study_is_kept_beside_the_results(checks: Any) -> None:
    home = checks.folder / "whole"
    home.mkdir()
    name = "mnist"
    for _ in range(2):  # in place of that of an earlier run
        with sqlite3.connect(home / "studies.db") as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE IF NOT EXISTS told (number INTEGER)")
            database.execute("INSERT INTO told VALUES (1)")
        database.close()
        checks.keep("whole", name)
    with sqlite3.connect(checks.out / f"{name}.db") as kept:
        assert kept.execute("SELECT sum(number) FROM told").fetchone() == (2,)
    kept.close()


@pytest.mark.slow
@pytest.mark.parametrize("ended", [True, False])
def test_plain_optuna_is_measured_by_epochs_as_a_trial_may_outlast_the_check(
    check: Any, tmp_path: Path, ended: bool
) -> None:
    url = f"sqlite:///{tmp_path / 'plain.db'}"
    study = optuna.create_study(study_name="mnist", storage=url)
    trial = study.ask()
    for epoch in range(4):
        trial.report(0.5, epoch)
    assert trial.number == 0
    (stored,) = study.get_trials()
    assert stored.datetime_start is not None
    done = check.Run(40.0, ended, "", stored.datetime_start.timestamp() + 36.0)
    found = check.epochs_in("mnist", url, done, check.Searched(epochs=100.0, seconds=20.0))
    assert (found["epochs"], found["trials"]) == (4, 0)
    assert found["seconds_an_epoch"] == (9.0 if ended else 8.0)
    assert found["would_take"] == (900 if ended else 800)
    assert found["times_as_long_as_tuner"] == (45.0 if ended else 40.0)
    alone = check.epochs_in("mnist", url, done, None)
    assert "would_take" not in alone


def test_plain_optuna_that_did_not_come_to_an_epoch_is_told(check: Any, tmp_path: Path) -> None:
    done = check.Run(1.0, False, "", 0.0)
    assert check.epochs_in("mnist", f"sqlite:///{tmp_path / 'none.db'}", done, None) == {
        "epochs": 0
    }


def test_the_figures_come_before_what_is_measured_besides(check: Any) -> None:
    names = list(check.CHECKS)
    figures = {"environment", "baseline", "flowers", "mnist", "plain", "memory"}
    assert set(names[: len(figures)]) == figures
    trainings = (FOLDER / "trainings.py").read_text(encoding="utf-8")
    parts = [name for name in names if f'"{name}": {name},' in trainings]
    assert parts == ["baseline", "sharing", "turns", "steps", "work", "profile"]


@pytest.mark.slow
def test_the_script_runs_on_a_processor(tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    words = ["--device", "cpu", "--quick", "--seconds", "300", "--only", "baseline", "flowers"]
    environment = {**os.environ, "OUT": str(tmp_path), "PYTHON": sys.executable}
    subprocess.run(["bash", str(FOLDER / "run.sh"), *words, "plain"], env=environment, check=True)
    lines = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    told = {row["check"]: row for row in map(json.loads, lines)}
    assert list(told) == ["environment", "baseline", "whole flowers", "plain housing"]
    assert told["whole flowers"]["ended"]
    assert set(told["whole flowers"]["arms"]) == {"baseline", "recipe", "best"}
    assert told["plain housing"]["would_take"] > 0
    assert (tmp_path / "flowers.db").stat().st_size > 0
