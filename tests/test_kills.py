"""A study that is killed or interrupted, at any moment and any number of times, loses nothing."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.disturbing import (
    kill,
    left_by,
    run_through,
    start_anew,
    started_anew_until,
    started_until,
    wait_for_the_end_of_group,
)
from tests.waiting import SECONDS_TO_HANG
from tuner.study.schema import SESSIONS, WITHIN
from tuner.study.store import load_study

if TYPE_CHECKING:
    from pathlib import Path

    from tests.disturbing import Running

pytestmark = pytest.mark.slow


def test_interrupted_killed_interrupted(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    early = started_anew_until(tmp_path, "Study ")  # its workers have not started, or only just
    os.killpg(early.pid, signal.SIGINT)
    assert (early.wait(timeout=SECONDS_TO_HANG), early.communicate()[1]) == (130, "")
    wait_for_the_end_of_group(early.pid)

    kill(started_until(tmp_path, "[3/"))

    interrupted = started_until(tmp_path, "[7/")
    os.killpg(interrupted.pid, signal.SIGINT)  # Ctrl-C in a shell reaches every process
    out, err = interrupted.communicate(timeout=SECONDS_TO_HANG)
    assert (interrupted.returncode, err) == (130, "")
    assert "To continue:" in out
    wait_for_the_end_of_group(interrupted.pid)
    study = load_study(f"sqlite:///{tmp_path}/storage/studies.db", "tiny")
    assert "RUNNING" not in {trial.state.name for trial in study.trials}

    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed


def test_killed_again_and_again(
    request: pytest.FixtureRequest, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    moments = random.Random(0)
    running: Running
    for number in range(3 * request.config.getoption("--kills")):
        if number % 3 == 0:  # while it starts
            running = start_anew(tmp_path)
            time.sleep(moments.uniform(0, 4))
        else:
            running = started_until(tmp_path, ("[", "Round", "Final"))
            time.sleep(moments.uniform(0, 0.3))
        kill(running)
    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed


def test_killed_after_the_search(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    kill(started_until(tmp_path, "Round 1"))
    kill(started_until(tmp_path, "Final training 6"))
    run_through(tmp_path)
    assert left_by(tmp_path) == undisturbed
    study = load_study(f"sqlite:///{tmp_path}/storage/studies.db", "tiny")
    cut_off = [session.get(WITHIN) for session in study.user_attrs[SESSIONS]]
    assert cut_off[-3:] == ["confirmation_seconds", "confirmation_seconds", None]
