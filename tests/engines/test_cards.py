"""On a machine with several GPUs each worker has its own; the GPUs are made up, nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from tests.engines.test_contract import drain, first_point, kill_worker_of
from tests.engines.test_contract import job as job
from tuner.engines import processes
from tuner.engines.choosing import ThisMachine
from tuner.engines.inprocess import InProcessEngine
from tuner.engines.job import Finished
from tuner.engines.processes import ProcessEngine, _Fit
from tuner.errors import EngineError
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from tuner.engines.job import Job

GPU = Plan(device="cuda")


def cards_of(engine: ProcessEngine) -> list[int]:
    """The card of each worker, idle or not."""
    fits = [fit for fit in engine._at_work() if isinstance(fit, _Fit)]
    return sorted(worker.card for worker in (*engine._idle, *(fit.worker for fit in fits)))


class Unstarted:
    """A worker without a process."""

    def __init__(self, card: int) -> None:
        self.card = card

    def end(self) -> None:
        pass


@pytest.mark.parametrize(
    ("cards", "workers", "expected"),
    [(3, None, [0, 1, 2]), (2, 4, [0, 0, 1, 1]), (4, 2, [0, 1]), (1, 3, [0, 0, 0])],
)
def test_every_card_is_used(
    monkeypatch: pytest.MonkeyPatch, cards: int, workers: int | None, expected: list[int]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(processes, "_Worker", Unstarted)
    engine = ThisMachine(workers).engine(GPU)
    assert isinstance(engine, ProcessEngine)
    assert engine.slots == len(expected)
    assert cards_of(engine) == expected


def test_one_card_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert isinstance(ThisMachine().engine(GPU), InProcessEngine)


def test_a_plan_for_a_gpu_needs_one() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(
        EngineError, match="the study was begun on a GPU, and this machine has none"
    ):
        ThisMachine(1).engine(GPU)


@pytest.mark.slow
def test_a_worker_in_the_place_of_one_that_died_has_its_card(job: Job) -> None:
    engine = ProcessEngine(2, cards=2)
    long = replace(job, hyperparameters={**job.hyperparameters, "epochs": 100_000})
    try:
        for key in (1, 2):
            engine.start(key, long)
            first_point(engine, key)
        assert cards_of(engine) == [0, 1]
        kill_worker_of(engine, 2)
        while not engine._fits[2].retried:
            engine.next(2, timeout=0.1)
        first_point(engine, 2)
        assert Counter(cards_of(engine)) == {0: 1, 1: 1}
        for key in (1, 2):
            engine.stop(key)
        engine.start(3, job)
        assert isinstance(drain(engine, 3)[-1], Finished)
    finally:
        engine.close()


def test_a_worker_binds_itself_to_its_card(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: what a worker does with a job for a GPU before anything else."""
    bound: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", bound.append)
    sent: list[object] = []

    class Pipe:
        def recv(self) -> tuple[int, Job]:
            if sent:
                raise EOFError
            return 1, replace(job, plan=replace(job.plan, device="cuda"))

        def poll(self) -> bool:
            return bool(sent)

        def send(self, message: object) -> None:
            sent.append(message)

    processes._work(Pipe(), 3)  # type: ignore[arg-type]
    assert bound == [3]
