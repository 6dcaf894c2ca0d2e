from __future__ import annotations

import multiprocessing
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engines.driving import drain, first_point, kill_worker_of, worker_of
from tests.making import rerun
from tests.waiting import wait_until
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Engine, Event, Failed, Finished, Job, run_all
from tuner.engines.processes import ProcessEngine
from tuner.engines.worker import run
from tuner.machine import ENDED_FIRST, OWN_SCORE
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tuner.training.fitting import ReportPoint

ENGINES: dict[str, Callable[[], Engine]] = {
    "in-process": InProcessEngine,
    "one process": lambda: ProcessEngine(1),
    "two processes": lambda: ProcessEngine(2),
    "three in a process": lambda: ProcessEngine(3, processes=1),
}


RAY = pytest.param("ray", marks=[pytest.mark.slow, pytest.mark.xdist_group("ray")])


@pytest.fixture(scope="module", params=[*ENGINES, RAY])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = ENGINES[request.param]() if request.param in ENGINES else ray_engine(request)
    yield made
    made.close()


def ray_engine(request: pytest.FixtureRequest) -> Engine:
    """An engine that runs two fits at once on the tests' own cluster."""
    request.getfixturevalue("cluster")
    from tuner.engines.tasks import RayEngine

    return RayEngine(2, Plan())


def broken(job: Job) -> Job:
    return replace(job, hyperparameters={**job.hyperparameters, "breaks": True})


def test_points_are_those_of_the_fit_itself(engine: Engine, job: Job) -> None:
    engine.start(1, job)
    *points, end = drain(engine, 1)
    assert points == list(run(job))
    assert len(points) == 6
    assert isinstance(end, Finished)
    assert end.seconds > 0


def test_a_stopped_fit_leaves_room_for_the_next(engine: Engine, job: Job) -> None:
    for key in [10, 11, 10, 10, 11, 10]:  # a key can be reused at once
        engine.start(key, job)
        first_point(engine, key)
        engine.stop(key)
    engine.start(10, job)
    assert drain(engine, 10)[:-1] == list(run(job))


def test_fits_beyond_the_slots_wait_in_order(engine: Engine, job: Job) -> None:
    jobs = {key: rerun(job, seed=key) for key in range(20, 25)}
    for key, own in jobs.items():
        engine.start(key, own)
    engine.stop(21)
    engine.stop(24)
    for key in (23, 20, 22):  # not in the order in which they were started
        assert drain(engine, key)[:-1] == list(run(jobs[key]))


def test_stopping_what_has_ended_does_nothing(engine: Engine, job: Job) -> None:
    engine.start(3, job)
    drain(engine, 3)
    engine.stop(3)
    engine.start(3, job)
    assert drain(engine, 3)[:-1] == list(run(job))


def test_a_fit_that_raises_says_why_and_the_engine_continues(engine: Engine, job: Job) -> None:
    engine.start(4, broken(job))
    (failed,) = drain(engine, 4)
    assert isinstance(failed, Failed)
    assert re.match(r"line \d+ of tiny.py: MemoryError: no room for this model", failed.reason)
    assert failed.may_pass
    assert 'raise MemoryError("no room for this model")' in failed.traceback
    assert "learner.py" not in failed.traceback, "it begins with the user's own line"
    engine.start(5, job)
    assert isinstance(drain(engine, 5)[-1], Finished)


def test_run_all_runs_more_jobs_than_slots(engine: Engine, job: Job, tmp_path: Path) -> None:
    jobs = {n: rerun(job, seed=n, weights=tmp_path / str(n)) for n in range(4)}
    jobs[4] = broken(job)
    ends: dict[int, Finished | Failed] = {}
    seen: dict[int, list[ReportPoint]] = {}

    def on_end(key: int, end: Finished | Failed, points: Sequence[ReportPoint]) -> None:
        ends[key], seen[key] = end, list(points)

    run_all(engine, jobs, on_end)
    assert {key for key, end in ends.items() if isinstance(end, Finished)} == {0, 1, 2, 3}
    assert isinstance(ends[4], Failed)
    assert seen[2] == list(run(jobs[2]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]


def test_run_all_begins_no_more_jobs_once_it_may_not(engine: Engine, job: Job) -> None:
    asked, ended = iter([True, True, False]), []
    jobs = {n: rerun(job, seed=n) for n in range(4)}
    run_all(engine, jobs, lambda key, *_: ended.append(key), lambda: next(asked))
    assert sorted(ended) == [0, 1], "those that run are let end"


def test_the_same_seed_gives_the_same_weights_bit_for_bit(
    engine: Engine, job: Job, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        run_all(engine, {0: rerun(job, weights=tmp_path / name)}, lambda *_: None)
    run_all(InProcessEngine(), {0: rerun(job, weights=tmp_path / "c")}, lambda *_: None)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_closing_twice_is_closing(job: Job) -> None:
    before = set(multiprocessing.active_children())
    for make in ENGINES.values():
        engine = make()
        engine.start(1, job)
        engine.close()
        engine.close()
    assert set(multiprocessing.active_children()) <= before


def test_a_killed_worker_costs_a_retry_and_no_point(job: Job) -> None:
    engine = ProcessEngine(1)
    try:
        engine.start(1, job)
        first = first_point(engine, 1)
        kill_worker_of(engine, 1)
        *points, end = drain(engine, 1)
        assert [first, *points] == list(run(job))
        assert isinstance(end, Finished)
    finally:
        engine.close()


def hang_worker_of(engine: ProcessEngine, key: int) -> None:
    """Stop a worker as a debugger would: it exists but does nothing, not even exit."""
    pid = worker_of(engine, key).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)


@contextmanager
def impatient(engine: ProcessEngine) -> Iterator[None]:
    """Consider a worker hung after a short time; normally it may be silent for long."""
    patience, engine.patience = engine.patience, 0.5
    yield
    engine.patience = patience


@pytest.mark.slow
def test_a_hung_worker_costs_a_retry_and_no_point(job: Job) -> None:
    engine = ProcessEngine(1)
    try:
        engine.start(1, job)
        points: list[Event | None] = [first_point(engine, 1)]
        hang_worker_of(engine, 1)
        hung = worker_of(engine, 1)
        with impatient(engine):
            while not engine._fits[1].retried:
                points.append(engine.next(1, timeout=0.1))  # what it had sent before it hung
        *others, end = drain(engine, 1)
        assert [one for one in (*points, *others) if one is not None] == list(run(job))
        assert isinstance(end, Finished)
        assert not hung.is_alive()
    finally:
        engine.close()


@pytest.mark.slow
def test_a_worker_hung_twice_fails_its_fit_alone(job: Job) -> None:
    engine = ProcessEngine(1)
    long = replace(job, hyperparameters={**job.hyperparameters, "epochs": 100_000})
    try:
        engine.start(1, long)
        first_point(engine, 1)
        hang_worker_of(engine, 1)
        with impatient(engine):
            while not engine._fits[1].retried:
                engine.next(1, timeout=0.1)
        first_point(engine, 1)
        hang_worker_of(engine, 1)
        with impatient(engine):
            end = drain(engine, 1)[-1]
        assert end == Failed(
            "its worker was lost twice (the last sent nothing for 0.5 s)", may_pass=True
        )
        engine.start(2, job)
        assert isinstance(drain(engine, 2)[-1], Finished)
    finally:
        engine.close()


def test_workers_killed_while_idle_cost_no_fit_its_retry(job: Job) -> None:
    engine = ProcessEngine(2)
    try:
        engine.start(1, job)
        for worker in engine._workers:
            if not worker.fits:
                os.kill(worker.process.pid or 0, signal.SIGKILL)
                worker.process.join()
        kill_worker_of(engine, 1)
        assert isinstance(drain(engine, 1)[-1], Finished)
    finally:
        engine.close()


def test_a_fit_whose_worker_was_killed_begins_again_alone(job: Job) -> None:
    """Lack of memory is the usual cause."""
    engine = ProcessEngine(2)
    try:
        engine.start(1, job)
        first_point(engine, 1)
        kill_worker_of(engine, 1)
        while not engine._fits[1].retried:
            engine.next(1, timeout=0.1)
        assert engine._fits[1].alone
        engine.start(2, job)
        assert engine._fits[2].remote is None
        assert all(isinstance(drain(engine, key)[-1], Finished) for key in (1, 2))
    finally:
        engine.close()


@pytest.mark.skipif(not OWN_SCORE.exists(), reason="Linux alone chooses so")
def test_where_memory_runs_out_a_worker_is_ended_before_the_command() -> None:
    engine = ProcessEngine(1)
    try:
        (worker,) = engine._workers
        score = Path(f"/proc/{worker.process.pid}/oom_score_adj")
        wait_until(lambda: int(score.read_text()) >= ENDED_FIRST)
        assert int(OWN_SCORE.read_text()) < ENDED_FIRST
    finally:
        engine.close()


def test_a_worker_killed_twice_fails_its_fit_alone(job: Job) -> None:
    engine = ProcessEngine(1)
    long = replace(job, hyperparameters={**job.hyperparameters, "epochs": 100_000})
    try:
        engine.start(1, long)
        first_point(engine, 1)
        kill_worker_of(engine, 1)
        while not engine._fits[1].retried:
            engine.next(1, timeout=0.1)
        kill_worker_of(engine, 1)
        end = drain(engine, 1)[-1]
        assert isinstance(end, Failed)
        assert "lost twice (the last ended with exit code -9" in end.reason
        engine.start(2, job)
        assert isinstance(drain(engine, 2)[-1], Finished)
    finally:
        engine.close()


DRAWS = """
import random
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tests.cases import tiny

class Draws(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, inputs):
        if self.training:
            inputs = inputs + random.random() + np.random.rand() + torch.rand(())
        return self.network(inputs)

CASE = replace(tiny.CASE, build=lambda *given: Draws(tiny.build(*given)))
"""


def test_fits_of_one_process_draw_what_each_would_alone(job: Job, tmp_path: Path) -> None:
    file = tmp_path / "draws.py"
    file.write_text(DRAWS)
    jobs = {key: replace(rerun(job, seed=key), case=str(file), source=None) for key in range(3)}
    with closing(ProcessEngine(3, processes=1)) as engine:
        for key, own in jobs.items():
            engine.start(key, own)
        found = {key: drain(engine, key)[:-1] for key in jobs}
    assert found == {key: list(run(own)) for key, own in jobs.items()}


@pytest.mark.slow
def test_fits_of_several_engines_in_one_process_draw_what_each_would_alone(
    job: Job, tmp_path: Path
) -> None:
    file = tmp_path / "draws.py"
    file.write_text(DRAWS)
    jobs = [replace(rerun(job, seed=key), case=str(file), source=None) for key in range(3)]
    alone = [list(run(own)) for own in jobs]

    def trained(own: Job) -> list[Event]:
        with closing(InProcessEngine()) as engine:
            engine.start(0, own)
            return drain(engine, 0)[:-1]

    with closing(InProcessEngine()) as one, closing(InProcessEngine()) as other:
        one.start(0, jobs[0])
        other.start(0, jobs[1])
        by_turns = [(one.next(0, 0.1), other.next(0, 0.1)) for _ in alone[0]]
    assert [list(points) for points in zip(*by_turns, strict=True)] == alone[:2]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(trained, jobs)) == alone


def test_fits_that_are_lost_together_are_begun_again_one_after_the_other(job: Job) -> None:
    with closing(ProcessEngine(3, processes=1)) as engine:
        jobs = {key: rerun(job, seed=key) for key in range(3)}
        for key, own in jobs.items():
            engine.start(key, own)
        firsts = {key: first_point(engine, key) for key in jobs}
        kill_worker_of(engine, 1)
        most, found = 0, {key: [point] for key, point in firsts.items()}
        for key in jobs:
            while not isinstance(event := engine.next(key, timeout=0.1), Finished):
                assert not isinstance(event, Failed)
                found[key] += [event] if event else []
                if any(fit.retried for fit in engine._fits.values()):
                    most = max(most, len(engine._at_work()))
        assert found == {key: list(run(own)) for key, own in jobs.items()}
        assert most == 1
