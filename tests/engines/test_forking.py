from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import tuner
from tests.waiting import SECONDS_TO_HANG, has_ended, wait_until
from tuner.engines.forking import FORKSERVER, pool
from tuner.engines.processes import ProcessEngine
from tuner.errors import EngineError
from tuner.imports import same_folders

if TYPE_CHECKING:
    from collections.abc import Iterator

# Like the study command while it measures importance, but with a slower computation.
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
    # If Ctrl-C comes twice at the same moment, Python's own threads may report an interrupt, too.
    assert errors == "" or apart == 0


# Ctrl-C comes while the first process is being started: it runs, but Python has not recorded it.
# The system delivers the signal to another thread, in which it is not blocked; the handler runs in
# the main thread.
INTERRUPTED = """
import multiprocessing, os, signal, sys, threading, time
from multiprocessing import forkserver
from pathlib import Path
from tuner.engines import forking
from tuner.engines.job import LoopJob
from tuner.engines.loops import LoopEngine

forking.IMPORTED = []
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
read = forkserver.read_signed

def interrupted(file):
    forkserver.read_signed = read
    number = read(file)
    print(number, flush=True)
    time.sleep(1)  # it reads what its parent would remove by ending
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)  # the handler runs here
    return number

forkserver.read_signed = interrupted
loops = LoopEngine(1)
try:
    if sys.argv[1] == "pool":
        with forking.pool(2, int):
            print("it was not interrupted")
    else:
        reference = f"{sys.argv[2]}:loop"
        loops.start(0, LoopJob(loop=reference, number=0, seed=1, direction="maximize"))
except KeyboardInterrupt:
    loops.close()
    print("interrupted", flush=True)
input()
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["pool", "loop"])
def test_ctrl_c_while_a_process_starts_leaves_none_behind(tmp_path: Path, what: str) -> None:
    loop = tmp_path / "loop.py"
    loop.write_text("import time\ndef loop(trial):\n    time.sleep(600)\n")
    with _program(INTERRUPTED, what, str(loop)) as running:
        assert running.stdout is not None
        started = int(running.stdout.readline())
        assert running.stdout.readline() == "interrupted\n"
        wait_until(lambda: has_ended(started))


def test_processes_beside_training_end_with_the_program_that_is_killed() -> None:
    with _program(PROGRAM) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        started = psutil.Process(running.pid).children(recursive=True)
        running.kill()
        wait_until(lambda: all(has_ended(one.pid) for one in started), lambda: str(started))


BESIDE = """
import os
from tuner.engines import forking

forking.IMPORTED = []
if __name__ == "__main__":
    with forking.pool(2, int) as made:
        print(made.submit(os.getenv, "PYTHONSAFEPATH").result(), os.getenv("PYTHONSAFEPATH"))
"""


def test_a_file_in_the_working_folder_is_not_imported_instead_of_pythons_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "program").mkdir()
    program = tmp_path / "program" / "beside.py"
    program.write_text(BESIDE)
    (tmp_path / "selectors.py").write_text("raise SystemExit('the user's own file')")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(tuner.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    # What a training starts may import what lies beside it again.
    assert (done.stdout, done.stderr) == ("None None\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_nothing_is_imported_from_a_working_folder_that_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a notebook, for example, whose other calls need no working folder."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert same_folders() == ["-P"]


def test_all_processes_of_a_pool_are_started_with_it() -> None:
    before = len(multiprocessing.active_children())
    with pool(3, int):
        assert len(multiprocessing.active_children()) == before + 3


@contextmanager
def _program(text: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program in its own session; all its processes end with this context."""
    running = subprocess.Popen(
        [sys.executable, "-c", text, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with running:
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def made_in_a_daemon() -> tuple[str, bool]:
    """Return the message for a process of multiprocessing.Pool that asks for child processes."""
    with pool(2, int) as made:
        alone = made is None
    try:
        ProcessEngine(2)
    except EngineError as error:
        return str(error), alone
    return "nothing", alone


def test_a_process_that_may_start_no_others_is_told_what_to_do() -> None:
    with FORKSERVER.Pool(1) as daemons:
        told, alone = daemons.apply(made_in_a_daemon)
    assert "concurrent.futures.ProcessPoolExecutor" in told
    assert alone
