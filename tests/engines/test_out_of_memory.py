"""A fit that runs out of memory restarts alone, then fails; others continue."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tuner.engines.job import Event, Failed, Finished, Job, run_all
from tuner.engines.processes import ProcessEngine
from tuner.engines.remote import Remote, RemoteEngine
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LACKS_MEMORY = Failed("full", may_pass=True, out_of_memory=True)


def point(step: int) -> ReportPoint:
    return ReportPoint(
        step=step,
        epoch=step,
        train_loss=0.0,
        train_metric=0.0,
        validation=0.0,
        fold_scores=(),
        work=0.0,
    )


@dataclass(eq=False)
class Scripted:
    """A fit that follows a script: one event each time it is polled."""

    script: list[Event]
    begun: bool = True

    def receive(self) -> Event:
        return self.script.pop(0)

    def stop(self) -> None:
        self.script.clear()

    def abandon(self) -> None:
        self.script.clear()


@dataclass
class Log:
    """Which jobs were running whenever one started: (the job, the others)."""

    begun: list[tuple[int, list[int]]] = field(default_factory=list)


class ScriptedEngine(RemoteEngine[int, ReportPoint]):
    """Jobs are numbers, and each attempt of a job has a script."""

    def __init__(self, slots: int, scripts: dict[int, list[list[Event]]]) -> None:
        super().__init__(slots, patience=60)
        self.scripts, self.log = scripts, Log()

    def _begin(self, job: int) -> Scripted:
        others = sorted(fit.job for fit in self._at_work().values())
        self.log.begun.append((job, others))
        return Scripted(self.scripts[job].pop(0))

    def _ready(self, remotes: Sequence[Remote], timeout: float) -> list[Remote]:
        return [one for one in remotes if isinstance(one, Scripted) and one.script]


def run(engine: ScriptedEngine, jobs: Sequence[int]) -> dict[int, list[object]]:
    """Start all jobs at once and read them to their end; return steps and ends by job."""
    for one in jobs:
        engine.start(one, one)
    found: dict[int, list[object]] = {one: [] for one in jobs}
    running = set(jobs)
    while running:
        for one in sorted(running):
            event = engine.next(one, timeout=0.01)
            if isinstance(event, ReportPoint):
                found[one].append(event.step)
            elif event is not None:
                found[one].append(event)
                running.discard(one)
    return found


END = Finished(1.0)
WHOLE: list[Event] = [point(1), point(2), END]


def whole() -> list[Event]:
    return list(WHOLE)


def test_it_is_begun_again_alone_and_nothing_beside_it() -> None:
    slow: list[Event] = [*(point(step) for step in range(1, 9)), END]
    engine = ScriptedEngine(
        2, {0: [[point(1), LACKS_MEMORY], whole()], 1: [slow], 2: [whole()], 3: [whole()]}
    )
    found = run(engine, [0, 1, 2, 3])
    assert found[0] == [1, 2, END], "each point once"
    assert all(found[one][-1] == END for one in (1, 2, 3))
    assert engine.log.begun == [(0, []), (1, [0]), (0, []), (2, []), (3, [2])]


def test_the_second_time_it_fails_with_the_reason_and_the_others_go_on() -> None:
    engine = ScriptedEngine(2, {0: [[LACKS_MEMORY], [point(1), LACKS_MEMORY]], 1: [whole()]})
    assert run(engine, [0, 1]) == {0: [1, LACKS_MEMORY], 1: [1, 2, END]}


def test_one_that_is_stopped_while_it_waits_holds_nobody_up() -> None:
    endless: list[Event] = [point(1)]
    engine = ScriptedEngine(2, {0: [[LACKS_MEMORY]], 1: [endless], 2: [whole()]})
    for one in (0, 1, 2):
        engine.start(one, one)
    assert engine.next(0, timeout=0.01) is None
    assert engine.log.begun == [(0, []), (1, [0])]
    engine.stop(0)
    assert engine.log.begun[2:] == [(2, [1])]


def test_another_failure_is_not_tried_again() -> None:
    engine = ScriptedEngine(1, {0: [[Failed("disk full", may_pass=True)]]})
    assert run(engine, [0]) == {0: [Failed("disk full", may_pass=True)]}


FULL = """
from dataclasses import replace
from pathlib import Path

import torch

from tests.cases import tiny

def build(hyperparameters, shape):
    if hyperparameters.width == 7:
        tries = Path(__file__).with_name("tries")
        count = len(tries.read_text()) if tries.exists() else 0
        tries.write_text("x" * (count + 1))
        if count < {failures}:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return tiny.build(hyperparameters, shape)

CASE = replace(tiny.CASE, build=build)
"""


@pytest.mark.parametrize("failures", [1, 2])
def test_workers_of_their_own_do_so(job: Job, tmp_path: Path, failures: int) -> None:
    """Only PyTorch's error is faked; processes, jobs and the case are real."""
    file = tmp_path / "full.py"
    file.write_text(FULL.format(failures=failures))
    mine = replace(job, case=str(file), source=None)
    large = replace(mine, hyperparameters={**job.hyperparameters, "width": 7})
    ends: dict[int, Finished | Failed] = {}

    def on_end(key: int, end: Finished | Failed, _points: Sequence[object]) -> None:
        ends[key] = end

    with closing(ProcessEngine(2)) as engine:
        run_all(engine, {0: large, 1: mine, 2: mine}, on_end)
    assert isinstance(ends[0], Finished if failures == 1 else Failed)
    built = 3 if failures == 1 else 0  # one model per fold
    assert len((tmp_path / "tries").read_text()) == failures + built
    assert isinstance(ends[1], Finished)
    assert isinstance(ends[2], Finished)
    if isinstance(failed := ends[0], Failed):
        assert "CUDA out of memory. Tried to allocate 2.00 GiB." in failed.reason
        assert "fewer workers" in failed.what_to_do
