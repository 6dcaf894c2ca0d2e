"""Faults that a long study meets, each of them really made. After each, nothing is lost.

The study command runs in processes of its own, with two workers, in an empty folder. However it was
disturbed, given again until it ends it has to leave what an undisturbed run leaves, bit for bit.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import chdir, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import time_machine

from tests.disks import leave
from tests.making import TINY, history, make_brief, search
from tuner.engines.processes import ProcessEngine
from tuner.study.schema import CONFIRMATION, OPENINGS
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from tuner.search.lineup import Running

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SLOW = str(ROOT / "tests" / "cases" / "slow.py")
TRIALS = 30
COMMAND = [
    *(sys.executable, "-u", "-m", "tuner.study", SLOW),
    *("--trials", str(TRIALS), "--seeds", "2", "--workers", "2"),
]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}  # the slow case imports the tiny one


def start(folder: Path) -> subprocess.Popen[str]:
    """The command, in a process group of its own."""
    return subprocess.Popen(
        COMMAND,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def started_until(folder: Path, line_begins: str | tuple[str, ...]) -> subprocess.Popen[str]:
    """The command, once it has printed a line."""
    running = start(folder)
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith(line_begins):
            return running
    raise AssertionError(f"it ended without {line_begins!r}: {running.communicate()}")


def wait_for_the_end_of_group(group: int) -> None:
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("processes are left behind")


def kill(running: subprocess.Popen[str]) -> None:
    """Kill the coordinator alone; its workers leave by themselves."""
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    wait_for_the_end_of_group(running.pid)


def run_through(folder: Path) -> None:
    ended = subprocess.run(
        COMMAND, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def end_well(running: subprocess.Popen[str]) -> None:
    err = running.communicate(timeout=300)[1]
    assert (running.returncode, err) == (0, "")


def left_by(folder: Path) -> dict[str, Any]:
    """All that a study in a folder has to have in common with its undisturbed twin."""
    database = folder / "storage" / "studies.db"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    study = load_study(f"sqlite:///{database}", "tiny")
    return {
        "trials": history(study),
        "confirmation": study.user_attrs[CONFIRMATION],
        "openings": len(study.user_attrs[OPENINGS]),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    run_through(folder)
    left = left_by(folder)
    assert len(left["trials"]) == TRIALS
    return left


def test_interrupted_killed_interrupted(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    early = started_until(tmp_path, "Study ")  # its workers have not begun, or just so
    os.killpg(early.pid, signal.SIGINT)
    assert (early.wait(timeout=60), early.communicate()[1]) == (130, "")
    wait_for_the_end_of_group(early.pid)

    kill(started_until(tmp_path, "[3/"))

    interrupted = started_until(tmp_path, "[7/")
    os.killpg(interrupted.pid, signal.SIGINT)  # Ctrl-C in a shell reaches every process
    out, err = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, err) == (130, "")
    assert "To continue:" in out
    wait_for_the_end_of_group(interrupted.pid)
    study = load_study(f"sqlite:///{tmp_path}/storage/studies.db", "tiny")
    assert "RUNNING" not in {trial.state.name for trial in study.trials}

    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed


def test_killed_twenty_times(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    moments = random.Random(0)
    for number in range(20):
        if number % 4 == 0:  # while it starts
            running = start(tmp_path)
            time.sleep(moments.uniform(0, 4))
        else:
            running = started_until(tmp_path, ("[", "Round", "Final"))
            time.sleep(moments.uniform(0, 0.3))
        kill(running)
    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed


@pytest.mark.parametrize("line", ["Round 1", "Final training 6"])
def test_killed_after_the_search(line: str, tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    kill(started_until(tmp_path, line))
    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed


def follow(running: subprocess.Popen[str], line_begins: str) -> None:
    """Wait until a running command prints a line."""
    assert running.stdout is not None
    assert any(line.startswith(line_begins) for line in running.stdout)


def kill_all_workers(running: subprocess.Popen[str]) -> None:
    (server,) = [
        child
        for child in psutil.Process(running.pid).children()
        if "forkserver" in " ".join(child.cmdline())
    ]
    workers = server.children()
    assert len(workers) == 2
    for worker in workers:
        worker.kill()


def stop_the_machine(running: subprocess.Popen[str], seconds: float) -> None:
    """As if its lid were shut: nothing of ours runs, and then goes on."""
    os.killpg(running.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGCONT)


def lock(database: Path, seconds: float) -> None:
    """Hold the database as another program does that writes to it for long."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        before = other.execute("SELECT count(*) FROM trials").fetchone()
        time.sleep(seconds)
        assert other.execute("SELECT count(*) FROM trials").fetchone() == before
        other.execute("ROLLBACK")


class Dashboard(threading.Thread):
    """optuna-dashboard on the study's database, asked for the study again and again."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api/studies/1"
        self.answers, self.over = 0, threading.Event()
        self.server = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("optuna-dashboard")),
                "sqlite:///storage/studies.db",
                *("--port", str(port)),
            ],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self) -> None:
        while not self.over.wait(0.2):
            with suppress(OSError), urllib.request.urlopen(self.url, timeout=60) as answer:
                self.answers += answer.status == 200

    def close(self) -> None:
        self.over.set()
        self.join()
        self.server.kill()
        self.server.wait()


def test_a_night_of_one_study(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    """Watched in the dashboard; its workers killed, the machine stopped, the database locked."""
    running = started_until(tmp_path, "[2/")
    dashboard = Dashboard(tmp_path)
    dashboard.start()
    try:
        follow(running, "[5/")
        kill_all_workers(running)
        follow(running, "[9/")
        stop_the_machine(running, 5)
        follow(running, "[14/")
        lock(tmp_path / "storage" / "studies.db", 30)
        end_well(running)
    finally:
        dashboard.close()
    assert dashboard.answers > 10
    assert left_by(tmp_path) == undisturbed


# What there is room for decides what cannot be written: the database's first tables, the cache,
# the trials, the weights of the confirmation, the report.
def test_the_disk_is_full(small_disk: Path, undisturbed: dict[str, Any]) -> None:
    leave(small_disk, 30_000)
    attempts = 0
    while (ended := start(small_disk)).wait(timeout=300) != 0:
        err = ended.communicate()[1]
        assert ended.returncode == 2, err
        assert err.startswith("tuner: ")
        assert err.count("\n") == 1
        assert re.search("disk is full|No space left|disk I/O error", err), err
        attempts += 1
        leave(small_disk, 30_000 * 2**attempts)
    assert ended.communicate()[1] == ""
    assert attempts >= 3
    assert not [p for p in small_disk.rglob(".*") if p.is_file()], "something half-written"
    assert left_by(small_disk) == undisturbed


def test_the_disk_is_full_when_a_bundle_is_written(
    small_disk: Path, tmp_path: Path, workplace: Path
) -> None:
    with chdir(tmp_path):
        shutil.copytree(workplace, "work")
    command = [sys.executable, "-m", "tuner.retrain", "tiny", "--case", TINY]
    command += ["--out", str(small_disk / "bundle")]

    def retrain() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path / "work", capture_output=True, text=True, check=False
        )

    leave(small_disk, 4096)
    failed = retrain()
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
    assert "No space left" in failed.stderr
    assert {path.name for path in small_disk.iterdir()} == {"filler"}
    (small_disk / "filler").unlink()
    made = retrain()
    assert (made.returncode, made.stderr) == (0, "")
    assert (small_disk / "bundle" / "manifest.json").exists()


class ChangesTheClock:
    """Sets the clock back by a day, and later on by a year, while a search runs."""

    def __init__(self, clock: time_machine.Traveller) -> None:
        self.clock, self.ended = clock, 0

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        self.ended += ended is not None
        if ended is not None and self.ended in (3, 8):
            self.clock.move_to(datetime.now(UTC) - timedelta(days=1 if self.ended == 3 else 365))


def test_the_clock_goes_backwards(tmp_path: Path) -> None:
    config = make_brief(TINY, tmp_path)
    engine = ProcessEngine(2)
    try:
        plain = search(f"sqlite:///{tmp_path}/plain.db", config, 14, engine=engine)
        with time_machine.travel(datetime.now(UTC), tick=True) as clock:
            turned = search(
                f"sqlite:///{tmp_path}/turned.db",
                config,
                14,
                engine=engine,
                observer=ChangesTheClock(clock),
            )
    finally:
        engine.close()
    begun = [trial.datetime_start for trial in turned.trials]
    assert all(begun)
    assert begun[-1] < begun[0]  # type: ignore[operator]
    assert history(turned) == history(plain)


CASE_WITH_A_FILE = """
from pathlib import Path

import numpy
import torch
from tests.cases.tiny import CASE as TINY, make_dataset, Examples, KFold
from dataclasses import replace


def load(folders):
    rows = torch.from_numpy(numpy.loadtxt("rows.csv", delimiter=",", dtype=numpy.float32))
    targets = (rows[:, 0] > 0).long()
    return make_dataset(
        name="filed",
        source="rows.csv",
        development=Examples(features=rows[:60], targets=targets[:60]),
        test=Examples(features=rows[60:], targets=targets[60:]),
        validation=KFold(3),
        classes=("left", "right"),
        columns=("x", "y"),
    )


CASE = replace(TINY, name="filed", load=load)
"""


def test_the_data_has_changed_between_two_runs(tmp_path: Path) -> None:
    (tmp_path / "filed.py").write_text(CASE_WITH_A_FILE, encoding="utf-8")
    random_numbers = random.Random(0)
    rows = [f"{random_numbers.gauss(0, 1):.6f},{random_numbers.gauss(0, 1):.6f}" for _ in range(80)]
    (tmp_path / "rows.csv").write_text("\n".join(rows), encoding="utf-8")

    def study(trials: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "tuner.study", "./filed.py", "--trials", str(trials)]
        return subprocess.run(
            [*words, "--seeds", "0", "--workers", "1"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert study(3).returncode == 0
    before = history(load_study(f"sqlite:///{tmp_path}/storage/studies.db", "filed"))
    (tmp_path / "rows.csv").write_text("\n".join(["0.5,0.5", *rows[1:]]), encoding="utf-8")
    refused = study(6)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "fingerprint" in refused.stderr
    assert history(load_study(f"sqlite:///{tmp_path}/storage/studies.db", "filed")) == before


def test_the_cache_was_cut_short(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    kill(started_until(tmp_path, "[5/"))
    (cached,) = (tmp_path / "storage" / "cache").glob("*/development.safetensors")
    cached.write_bytes(cached.read_bytes()[:-10])
    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed
