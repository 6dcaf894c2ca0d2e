from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.waiting import SECONDS_TO_HANG

# What the study command does while it measures importance, with something slower to compute.
PROGRAM = """
import time
from tuner.commands.ending import run
from tuner.engines import forking

forking.IMPORTED = []  # nothing that is computed here needs it

def main(_):
    with forking.pool(2, int) as made:
        begun = made.submit(int)
        computing = [made.submit(time.sleep, 600) for _ in range(60)]
        begun.result()
        print("begun", flush=True)
        for one in computing:
            one.result()
    return 0

if __name__ == "__main__":
    run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 0.1, 0.5])
def test_ctrl_c_pressed_twice_ends_what_is_computed_beside_training(apart: float) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    for _ in range(2):
        os.killpg(running.pid, signal.SIGINT)
        time.sleep(apart)
    try:
        errors = running.communicate(timeout=SECONDS_TO_HANG)[1]
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        raise
    assert running.returncode == 130
    # Twice in the same moment, Python's own threads may say once that they were interrupted, too.
    assert errors == "" or apart == 0
