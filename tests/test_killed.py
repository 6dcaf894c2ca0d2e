"""The study command with two workers, killed and interrupted as a shell does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY, history, make_brief, make_engine, search
from tuner.study.store import load_study

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # it starts a dozen processes that import torch

TRIALS = 16
COMMAND = ["-m", "tuner.study", TINY, "--trials", str(TRIALS), "--seeds", "0", "--workers", "2"]


def started_until(folder: Path, line_begins: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, once it has printed a line."""
    running = subprocess.Popen(
        [sys.executable, "-u", *COMMAND],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
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


def test_interrupted_killed_interrupted_then_run_through(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/storage/studies.db"

    early = started_until(tmp_path, "Study ")
    time.sleep(1)  # the workers are importing torch
    os.killpg(early.pid, signal.SIGINT)
    assert (early.wait(timeout=60), early.communicate()[1]) == (130, "")
    wait_for_the_end_of_group(early.pid)

    killed = started_until(tmp_path, "[3/")
    killed.send_signal(signal.SIGKILL)  # to the coordinator alone
    killed.communicate()
    wait_for_the_end_of_group(killed.pid)

    interrupted = started_until(tmp_path, "[7/")
    os.killpg(interrupted.pid, signal.SIGINT)  # Ctrl-C in a shell reaches every process
    out, err = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, err) == (130, "")
    assert "to go on:" in out
    wait_for_the_end_of_group(interrupted.pid)
    assert "RUNNING" not in {trial.state.name for trial in load_study(url, "tiny").trials}

    ended = subprocess.run(
        [sys.executable, *COMMAND], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    engine = make_engine(2)
    try:
        undisturbed = search(
            f"sqlite:///{tmp_path}/other.db", make_brief(TINY, tmp_path), TRIALS, engine=engine
        )
    finally:
        engine.close()
    assert history(load_study(url, "tiny")) == history(undisturbed)
