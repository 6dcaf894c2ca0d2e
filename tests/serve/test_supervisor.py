"""Jobs in real processes, which die, are paused, and continue bit for bit."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY, history
from tuner.commands.study import main
from tuner.serve.logs import log_of
from tuner.serve.queue import LEASE, MOST_STARTS, Queue
from tuner.serve.requests import retrain_request, study_request
from tuner.serve.schema import prepare
from tuner.serve.shelf import Shelf
from tuner.serve.supervisor import Supervisor
from tuner.study.store import load_study, open_storage
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.serve.tables import Job

pytestmark = pytest.mark.slow
SHELF = Shelf(Path(TINY).parent)
TRIALS = 6


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace.at(tmp_path / "home")


@pytest.fixture
def queue(workplace: Workplace) -> Queue:
    engine = open_storage(workplace.url, create=True).engine
    prepare(engine)
    return Queue(engine)


def submit(queue: Queue, **options: object) -> int:
    asked = {"case": "tiny", "trials": TRIALS, "seeds": 2, **options}
    return queue.submit(study_request(asked, SHELF), "ann").id


def until(supervisor: Supervisor, number: int, good: Callable[[Job], bool]) -> Job:
    for _ in range(1200):
        supervisor.look()
        job = supervisor.queue.get(number)
        if good(job):
            return job
        time.sleep(0.1)
    raise AssertionError(f"job {number} is {job.state}: {job.last_words}")


def ended(job: Job) -> bool:
    return job.state not in {"queued", "running"}


def kill(supervisor: Supervisor) -> None:
    assert supervisor._current is not None
    os.kill(supervisor._current.process.pid, signal.SIGKILL)


def reference(folder: Path) -> list[object]:
    there = Workplace.at(folder)
    arguments = ["--trials", str(TRIALS), "--seeds", "2", "--workers", "1"]
    assert main([TINY, *arguments, "--home", str(folder)]) == 0
    return list(history(load_study(there.url, "tiny")))


def test_a_study_that_is_killed_and_abandoned_ends_as_if_it_had_not_been(
    queue: Queue, workplace: Workplace, tmp_path: Path
) -> None:
    number = submit(queue)
    first = Supervisor(queue, workplace, SHELF, 1)
    until(first, number, lambda job: job.state == "running")
    time.sleep(3)
    kill(first)
    until(first, number, lambda job: job.starts == 2)
    assert first._current is not None
    first._current.process.close()  # as the death of its service does
    later = Queue(queue.engine, lambda: time.time() + 2 * LEASE)
    second = Supervisor(later, workplace, SHELF, 1)
    job = until(second, number, ended)
    assert job.state == "done", job.last_words
    first._current.process.wait()
    assert list(history(load_study(workplace.url, "tiny"))) == reference(tmp_path / "other")
    assert workplace.report("tiny").is_dir()


def test_a_process_that_dies_each_time_fails_with_its_last_words(
    queue: Queue, workplace: Workplace
) -> None:
    number = submit(queue)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    for start in range(1, MOST_STARTS + 1):
        until(supervisor, number, lambda job, start=start: job.starts == start)  # type: ignore[misc]
        with log_of(workplace, number).open("a", encoding="utf-8") as log:
            log.write(f"last line {start}\n")
        kill(supervisor)
    job = until(supervisor, number, ended)
    assert job.state == "failed"
    assert f"last line {MOST_STARTS}" in job.last_words
    assert supervisor.queue.resume(number).starts == 0


def test_a_command_that_says_what_is_wrong_is_not_started_again(
    queue: Queue, workplace: Workplace
) -> None:
    number = submit(queue, tries=["step_size=2"])  # which nothing reads, as step_lr is off
    job = until(Supervisor(queue, workplace, SHELF, 1), number, ended)
    assert job.state == "failed"
    assert "step_size would change nothing" in job.last_words


def test_pause_resume_a_larger_total_and_a_try(queue: Queue, workplace: Workplace) -> None:
    number = submit(queue, seeds=0)
    supervisor = Supervisor(queue, workplace, SHELF, 1)
    until(supervisor, number, lambda job: job.state == "running")
    queue.pause(number)
    assert until(supervisor, number, ended).state == "paused"
    queue.change(number, trials=TRIALS + 2, tries=["width=3"])
    queue.resume(number)
    assert until(supervisor, number, ended).state == "done"
    trials = load_study(workplace.url, "tiny").get_trials()
    assert sum(trial.state.is_finished() for trial in trials) == TRIALS + 2
    assert [trial.user_attrs["tried"] for trial in trials if "tried" in trial.user_attrs] == [
        {"width": 3}
    ]
    model = queue.submit(retrain_request("tiny", "tiny", "best", SHELF), "ann").id
    job = until(supervisor, model, ended)
    assert job.state == "done", job.last_words
    assert [path.name for path in workplace.bundles("tiny").iterdir()]
