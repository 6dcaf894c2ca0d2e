"""The study command as a process that a test disturbs, and the result that it must leave."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.forked import Command
from tests.making import history
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.study.schema import CONFIRMATION, OPENINGS
from tuner.study.store import load_study

ROOT = Path(__file__).parents[1]
SLOW = str(ROOT / "tests" / "cases" / "slow.py")
TRIALS = 20
WORDS = ["tuner.study", SLOW, "--trials", str(TRIALS), "--seeds", "2", "--workers", "2"]


Running = Command | subprocess.Popen[str]
PATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATH}  # the slow case imports the tiny one


def start(folder: Path) -> Command:
    """Start the command in its own process group."""
    return Command(WORDS, folder, ENVIRONMENT)


def start_anew(folder: Path) -> subprocess.Popen[str]:
    """Start it with a new interpreter, for tests of its start."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", *WORDS],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def started_until(folder: Path, line_begins: str | tuple[str, ...]) -> Command:
    """Start the command, and wait until it has printed a line."""
    running = start(folder)
    _read_until(running, line_begins)
    return running


def started_anew_until(folder: Path, line_begins: str) -> subprocess.Popen[str]:
    """The same with a new interpreter."""
    running = start_anew(folder)
    _read_until(running, line_begins)
    return running


def _read_until(running: Running, line_begins: str | tuple[str, ...]) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith(line_begins):
            return
    raise AssertionError(f"it ended without {line_begins!r}: {running.communicate()}")


def wait_for_the_end_of_group(group: int) -> None:
    def is_empty() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(is_empty)


def kill(running: Running) -> None:
    """Kill only the coordinator; its workers end by themselves."""
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    wait_for_the_end_of_group(running.pid)


def run_through(folder: Path) -> None:
    end_well(start(folder))


def end_well(running: Command) -> None:
    err = running.communicate(timeout=SECONDS_TO_HANG)[1]
    assert (running.returncode, err) == (0, "")


def left_by(folder: Path) -> dict[str, Any]:
    """Return everything in a study's folder that must equal that of an undisturbed study."""
    database = folder / "storage" / "studies.db"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    study = load_study(f"sqlite:///{database}", "tiny")
    return {
        "trials": history(study),
        "confirmation": study.user_attrs[CONFIRMATION],
        "openings": len(study.user_attrs[OPENINGS]),
    }
