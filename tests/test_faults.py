"""Real faults during a long study. After each of them, nothing is lost.

The study command runs as a process with two workers, in an empty folder. However it was disturbed,
repeating it until it completes must give the same as an undisturbed run, bit for bit.
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
from tests.disturbing import ENVIRONMENT, end_well, kill, left_by, run_through, start, started_until
from tests.forked import Command
from tests.making import TINY, history, make_brief, search
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.engines.processes import ProcessEngine
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.trial import FrozenTrial

    from tuner.search.lineup import Running

pytestmark = pytest.mark.slow
SECONDS_LOCKED = 8  # longer than the 5 s that Python's sqlite3 waits


def follow(running: Command, line_begins: str) -> None:
    """Wait until a running command prints a line."""
    assert running.stdout is not None
    assert any(line.startswith(line_begins) for line in running.stdout)


def kill_all_workers(running: Command) -> None:
    workers = [
        worker for server in psutil.Process(running.pid).children() for worker in server.children()
    ]
    assert len(workers) == 2
    for worker in workers:
        worker.kill()


def stop_the_machine(running: Command, until: Callable[[], bool]) -> None:
    """Suspend all our processes for a time, like a closed laptop."""
    os.killpg(running.pid, signal.SIGSTOP)
    time.sleep(2)
    wait_until(until)
    os.killpg(running.pid, signal.SIGCONT)


def lock(database: Path, seconds: float) -> None:
    """Lock the database, like another program with a long write."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=SECONDS_TO_HANG)) as other:
        other.execute("BEGIN EXCLUSIVE")
        before = other.execute("SELECT count(*) FROM trials").fetchone()
        time.sleep(seconds)
        assert other.execute("SELECT count(*) FROM trials").fetchone() == before
        other.execute("ROLLBACK")


class Dashboard(threading.Thread):
    """An optuna-dashboard on the study's database, from which the study is requested repeatedly."""

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
            with (
                suppress(OSError),
                urllib.request.urlopen(self.url, timeout=60) as answer,
            ):
                self.answers += answer.status == 200

    def close(self) -> None:
        self.over.set()
        self.join()
        self.server.kill()
        self.server.wait()


def test_a_night_of_one_study(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    """Shown in the dashboard; workers killed, the machine suspended, the database locked."""
    running = started_until(tmp_path, "[2/")
    dashboard = Dashboard(tmp_path)
    dashboard.start()
    try:
        follow(running, "[5/")
        kill_all_workers(running)
        follow(running, "[9/")
        stop_the_machine(running, lambda: dashboard.answers > 2)
        watched = dashboard.answers
        follow(running, "[14/")
        lock(tmp_path / "storage" / "studies.db", SECONDS_LOCKED)
        end_well(running)
        wait_until(lambda: dashboard.answers > watched + 2)
    finally:
        dashboard.close()
    assert left_by(tmp_path) == undisturbed


# The free space determines what fails: the first tables of the database, the cache, the trials, the
# weights of the confirmation, or the report.
def test_the_disk_is_full(small_disk: Path, undisturbed: dict[str, Any]) -> None:
    leave(small_disk, 30_000)
    attempts = 0
    while (ended := start(small_disk)).wait(timeout=SECONDS_TO_HANG) != 0:
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
    words = ["tuner.retrain", "tiny", "--case", TINY, "--out", str(small_disk / "bundle")]
    leave(small_disk, 4096)
    failed = Command(words, tmp_path / "work", ENVIRONMENT)
    _, said = failed.communicate()
    assert (failed.returncode, said.count("\n")) == (2, 1)
    assert "No space left" in said
    assert {path.name for path in small_disk.iterdir()} == {"filler"}
    (small_disk / "filler").unlink()
    end_well(Command(words, tmp_path / "work", ENVIRONMENT))
    assert (small_disk / "bundle" / "manifest.json").exists()


class ChangesTheClock:
    """Sets the clock back by a day, and later forward by a year, during a search."""

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

    def study(trials: int) -> Command:
        words = ["tuner.study", "./filed.py", "--trials", str(trials), "--seeds", "0"]
        return Command([*words, "--workers", "1"], tmp_path, ENVIRONMENT)

    end_well(study(3))
    before = history(load_study(f"sqlite:///{tmp_path}/storage/studies.db", "filed"))
    (tmp_path / "rows.csv").write_text("\n".join(["0.5,0.5", *rows[1:]]), encoding="utf-8")
    refused = study(6)
    _, said = refused.communicate()
    assert (refused.returncode, said.count("\n")) == (2, 1)
    assert "fingerprint" in said
    assert history(load_study(f"sqlite:///{tmp_path}/storage/studies.db", "filed")) == before


def test_the_cache_was_cut_short(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    kill(started_until(tmp_path, "[5/"))
    (cached,) = (tmp_path / "storage" / "cache").glob("*/development.safetensors")
    cached.write_bytes(cached.read_bytes()[:-10])
    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed
