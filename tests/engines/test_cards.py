"""Workers and their GPUs. Only PyTorch's view of the GPUs is faked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, deque
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.engines.driving import drain, first_point, kill_worker_of
from tuner.engines import cards, compute, hosting, loops, processes
from tuner.engines.cards import (
    VISIBLE,
    card_facts,
    cards_in_words,
    fits_at_once,
    give_back_if_scarce,
    of_all,
    other_cards,
    refuse_missing,
    unused_device,
    visible_cards,
)
from tuner.engines.choosing import ThisMachine
from tuner.engines.compute import Compute
from tuner.engines.hosting import host
from tuner.engines.job import Failed, Finished, LoopJob, run_all
from tuner.engines.loops import LoopEngine
from tuner.engines.processes import ProcessEngine
from tuner.errors import EngineError
from tuner.runs.loops import LoopMachine
from tuner.training.lanes import Turn
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.engines.job import Job

GPU = Plan(device="cuda")
SLICES = "MIG-5c1f9a2e-0001,MIG-5c1f9a2e-0002,MIG-77aa0000-0003"


class Properties:
    """Properties of a GPU, as PyTorch returns them."""

    name = "NVIDIA H100"
    total_memory = 85 * 10**9


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that fakes this many GPUs."""

    def make(count: int, listed: str | None = None) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "init", lambda: None)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _index: Properties)
        monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91900)
        monkeypatch.delenv(VISIBLE, raising=False)
        if listed is not None:
            monkeypatch.setenv(VISIBLE, listed)

    return make


class Unstarted:
    """A worker without a process."""

    def __init__(self, card: str | None) -> None:
        self.card = card
        self.fits: dict[int, object] = {}

    def end(self) -> None:
        pass


def cards_of(engine: ProcessEngine) -> list[str | None]:
    """Return the GPU of each worker, idle or not."""
    return sorted((worker.card for worker in engine._workers), key=str)


@pytest.mark.parametrize(
    ("count", "listed", "names"),
    [
        (0, None, ()),
        (0, "0", ()),
        (3, None, ("0", "1", "2")),
        (2, "2, 3", ("2", "3")),
        (1, "1,-1,0", ("1",)),
        (2, "GPU-8a,GPU-9b", ("GPU-8a", "GPU-9b")),
        (1, SLICES, tuple(SLICES.split(","))),
    ],
)
def test_a_card_has_the_name_that_makes_it_visible(
    made_up: Any, count: int, listed: str | None, names: tuple[str, ...]
) -> None:
    made_up(count, listed)
    assert visible_cards() == names


@pytest.mark.parametrize(
    ("count", "listed", "workers", "slots", "expected"),
    [
        (3, None, None, 12, ["0", "1", "2"]),
        (2, "4,7", 4, 4, ["4", "7"]),
        (4, None, 2, 2, ["0", "1"]),
        (1, None, 3, 3, ["0"]),
        (1, None, 20, 20, ["0", "0", "0"]),
        (2, None, 40, 40, ["0", "0", "0", "1", "1"]),
        (1, SLICES, None, 12, SLICES.split(",")),
    ],
)
def test_every_card_is_used(
    made_up: Any,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    listed: str | None,
    workers: int | None,
    slots: int,
    expected: list[str],
) -> None:
    made_up(count, listed)
    monkeypatch.setattr(processes, "_Worker", Unstarted)
    monkeypatch.setattr(compute, "most_workers", lambda: 64)  # as with sixteen cores
    engine = ThisMachine(workers).engine(GPU)
    assert isinstance(engine, ProcessEngine)
    assert engine.slots == slots
    assert cards_of(engine) == expected


@pytest.mark.parametrize(
    ("gibibytes", "fits"), [(80, 4), (40, 4), (24, 3), (11, 1), (8, 1), (4, 1)]
)
def test_a_small_card_has_fewer_fits_at_once(
    made_up: Any, monkeypatch: pytest.MonkeyPatch, gibibytes: int, fits: int
) -> None:
    made_up(2)
    monkeypatch.setattr(Properties, "total_memory", gibibytes * 2**30)
    assert fits_at_once(("0", "1")) == 2 * fits


def test_a_study_for_the_processor_has_no_cards(made_up: Any) -> None:
    made_up(2)
    machine = ThisMachine(1)
    machine.engine(Plan()).close()
    assert machine.facts() == {}


@pytest.mark.parametrize(
    ("workers", "listed", "said"),
    [
        (
            1,
            "3",
            "GPU: NVIDIA H100 (3); 1 worker.",
        ),
        (
            3,
            "3,5",
            "GPUs: NVIDIA H100 (3), NVIDIA H100 (5); 3 workers, 1 to 2 on each.",
        ),
        (
            1,
            "3,5",
            "GPUs: NVIDIA H100 (3), NVIDIA H100 (5); 1 worker, so 1 of them is not used.",
        ),
    ],
)
def test_a_study_says_which_cards_it_uses(
    made_up: Any, monkeypatch: pytest.MonkeyPatch, workers: int, listed: str, said: str
) -> None:
    made_up(len(listed.split(",")), listed)
    monkeypatch.setattr(processes, "_Worker", Unstarted)
    machine = ThisMachine(workers)
    engine = machine.engine(GPU)
    assert machine.in_words(engine.slots) == said


def test_the_calls_of_a_loop_share_the_cards_too(made_up: Any) -> None:
    made_up(2, "4,7")
    machine = LoopMachine.of(Compute())
    assert machine.slots == 2
    assert machine.facts()["cards"]["names"] == ["NVIDIA H100"] * 2
    assert machine.in_words(2) == "GPUs: NVIDIA H100 (4), NVIDIA H100 (7); 2 workers, 1 on each."
    with closing(machine.engine()) as engine:
        assert engine._cards == ("4", "7")
    made_up(0)
    assert machine.facts() == {}
    assert machine.in_words(2) is None


def test_a_call_of_a_loop_gets_the_card_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls end in any order, so counting those that began would leave a card idle."""

    class Unstarted:
        def __init__(self, _job: LoopJob, _known: object, card: str, _since: float) -> None:
            self.card = card

        def stop(self) -> None:
            pass

        abandon = stop

    monkeypatch.setattr(loops, "_Call", Unstarted)
    engine = LoopEngine(4, cards=("4", "7"))
    with closing(engine):
        for key in range(4):
            engine.start(key, LoopJob(loop="a.py:loop", number=key, seed=0, direction="maximize"))
        for key in (1, 3):
            engine.stop(key)
        for key in (4, 5):
            engine.start(key, LoopJob(loop="a.py:loop", number=key, seed=0, direction="maximize"))
        calls = [fit.remote for fit in engine._fits.values()]
        assert [call.card for call in calls] == ["4", "4", "7", "7"]  # type: ignore[union-attr]


def test_slices_of_one_card_are_told_apart(made_up: Any) -> None:
    made_up(1, SLICES)
    facts = card_facts()
    assert facts["names"] == [Properties.name] * 3
    assert "MIG-77aa0000-0003" in cards_in_words(facts, visible_cards(), 3)


def test_the_driver_is_read_from_where_linux_keeps_it(
    made_up: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made_up(1)
    monkeypatch.setattr(cards, "DRIVER", tmp_path / "version")
    assert card_facts()["driver"] == "unknown"
    cards.DRIVER.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.133.20  Mon Mar 1\nGCC version: 12\n"
    )
    facts = card_facts()
    assert facts["driver"] == "570.133.20"
    assert facts["memory_gib"] == [79.2]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({}, []),
        ({"driver": "535.1"}, ["GPU driver 535.1 there, unknown here"]),
        ({"names": ["NVIDIA A100"]}, ["GPU NVIDIA A100 there, NVIDIA H100 here"]),
        ({"cudnn": 8, "cuda": "11.8"}, None),
        ({"names": ["NVIDIA H100"] * 8}, []),
    ],
)
def test_what_differs_of_the_cards_is_said(
    made_up: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    there: dict[str, Any],
    said: list[str] | None,
) -> None:
    made_up(1)
    monkeypatch.setattr(cards, "DRIVER", tmp_path / "none")
    found = other_cards([{"cards": {**card_facts(), **there}}, {"machine": {}}])
    if said is None:
        assert [line.partition(" ")[0] for line in found] == ["CUDA", "cuDNN"]
    else:
        assert found == said


def test_a_machine_without_a_card_is_another_machine(made_up: Any) -> None:
    made_up(0)
    session = {"cards": {"names": ["NVIDIA A100"], "driver": "1", "cuda": "13.0", "cudnn": 9}}
    assert other_cards([session]) == ["GPU NVIDIA A100 there, none here"]
    assert other_cards([{"machine": {}}]) == []


def test_a_plan_for_a_gpu_needs_one(made_up: Any) -> None:
    made_up(0)
    with pytest.raises(EngineError, match=r"begun on a GPU .* has none\. .* a machine with a GPU"):
        ThisMachine(1).engine(GPU)
    refuse_missing(Plan())


@pytest.mark.parametrize(("nvidia", "apple"), [(0, False), (0, True), (1, True)])
def test_an_apple_gpu_is_left_alone_in_one_line(
    made_up: Any, monkeypatch: pytest.MonkeyPatch, nvidia: int, apple: bool
) -> None:
    made_up(nvidia)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)
    said = unused_device()
    assert (said is not None) == (apple and not nvidia)
    if said is not None:
        assert "\n" not in said
        assert Plan.for_machine(images=False).device == "cpu"
        machine = ThisMachine(1)
        machine.engine(Plan()).close()
        assert machine.in_words(1) == said


@pytest.mark.slow  # starts a process that imports everything workers use
def test_the_server_that_workers_are_forked_from_never_uses_cuda() -> None:
    """A process that has used CUDA cannot be forked for work with CUDA."""
    program = """
import torch

def refuse(*_arguments, **_named):
    raise RuntimeError("CUDA was asked for")

for name in ("is_available", "device_count", "_lazy_init", "init", "current_device"):
    setattr(torch.cuda, name, refuse)
from importlib import import_module
from tuner.engines.forking import IMPORTED
for module in IMPORTED:
    import_module(module)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
def test_a_worker_in_the_place_of_one_that_died_has_its_card(job: Job) -> None:
    engine = ProcessEngine(2, cards=("0", "1"))
    long = replace(job, hyperparameters={**job.hyperparameters, "epochs": 100_000})
    try:
        for key in (1, 2):
            engine.start(key, long)
            first_point(engine, key)
        assert cards_of(engine) == ["0", "1"]
        kill_worker_of(engine, 2)
        while not engine._fits[2].retried:
            engine.next(2, timeout=0.1)
        engine.stop(1)  # a restarted fit waits for the others of its worker
        first_point(engine, 2)
        assert Counter(cards_of(engine)) == {"0": 1, "1": 1}
        engine.stop(2)
        engine.start(3, job)
        assert isinstance(drain(engine, 3)[-1], Finished)
    finally:
        engine.close()


class Pipe:
    """The end of a pipe that sends the same job again and again."""

    def __init__(self, job: Job, times: int) -> None:
        self.job, self.times, self.sent = job, times, list[Any]()
        self.seen: str | None = None

    def recv(self) -> tuple[int, Job | None]:
        self.seen = os.environ.get(VISIBLE)
        ends = [event for _, event in self.sent if isinstance(event, Finished)]
        if len(ends) == self.times:
            raise EOFError
        return 1, self.job

    def poll(self) -> bool:
        return False

    def send(self, message: object) -> None:
        self.sent.append(message)


@pytest.mark.parametrize("card", [None, "MIG-5c1f9a2e-0001"])
def test_a_worker_sees_its_card_alone_before_anything_else(
    job: Job, monkeypatch: pytest.MonkeyPatch, card: str | None
) -> None:
    """In this process: the first steps of a worker, before its first job."""
    monkeypatch.setenv(VISIBLE, "all of them")
    pipe = Pipe(job, times=1)
    host(pipe, card)
    assert pipe.seen == (card or "all of them")


@pytest.mark.parametrize("broken", [False, True])
def test_a_worker_that_can_use_its_card_no_more_ends(
    job: Job, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    monkeypatch.setenv(VISIBLE, "")
    emptied: list[bool] = []
    pipe = Pipe(job, times=2)

    def synchronize() -> None:
        if broken and pipe.sent:
            raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 2**40)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 2**40)  # by the user's own code
    monkeypatch.setattr(cards, "forget_workspaces", lambda: None)
    host(pipe, "0")
    ends = [event for _, event in pipe.sent if isinstance(event, Finished)]
    assert len(ends) == (1 if broken else 2)
    assert len(emptied) == (1 if broken else 3), "whenever there is nothing to do"


@pytest.mark.parametrize("leaks", [False, True])
def test_a_worker_ends_whose_memory_cannot_be_given_back(
    job: Job, monkeypatch: pytest.MonkeyPatch, leaks: bool
) -> None:
    """As after a recording that has failed: PyTorch 2.12 believes that it still records.

    PyTorch 2.13 does not, but keeps its memory.
    """
    monkeypatch.setenv(VISIBLE, "")
    pipe = Pipe(job, times=2)

    def empty_cache() -> None:
        if pipe.sent and not leaks:
            raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")

    kept = 10**9 if leaks else 0
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: kept if pipe.sent else 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 0)

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)
    monkeypatch.setattr(cards, "forget_workspaces", lambda: None)
    host(pipe, "0")
    assert sum(isinstance(event, Finished) for _, event in pipe.sent) == 1


class Several(Pipe):
    """The end of a pipe that sends several jobs at once, and no more."""

    def __init__(self, jobs: list[Job]) -> None:
        super().__init__(jobs[0], times=0)
        self.jobs = jobs

    def recv(self) -> tuple[int, Job | None]:
        if not self.jobs:
            raise EOFError
        return len(self.jobs), self.jobs.pop()

    def poll(self) -> bool:
        return bool(self.jobs)


@pytest.mark.parametrize("broken", [False, True])
def test_of_several_fits_none_is_blamed_for_what_broke_the_card(
    job: Job, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    """They are lost with their process, and each is tried again alone."""
    monkeypatch.setenv(VISIBLE, "")
    monkeypatch.setattr(hosting, "is_usable", lambda: not broken)
    monkeypatch.setattr(hosting, "release_card", lambda: True)
    failing = replace(job, hyperparameters={**job.hyperparameters, "breaks": True})
    pipe = Several([job, failing, job])
    host(pipe, "0")
    ends = [event for _, event in pipe.sent if isinstance(event, Finished | Failed)]
    assert len(ends) == (0 if broken else 3)
    assert sum(isinstance(event, Failed) for event in ends) == (0 if broken else 1)


class Late:
    """A training in a lane whose GPU reports an error of steps queued before."""

    def query(self) -> bool:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_that_the_card_tells_late_is_that_of_the_fit_if_it_is_alone(
    job: Job, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv(VISIBLE, "")
    monkeypatch.setattr(hosting, "run_in_turns", lambda *_given: iter([Turn([Late()])]))
    pipe = Several([job] * count)
    host(pipe, "0")
    *told, leaves = pipe.sent
    assert len(told) == (1 if count == 1 else 0), "of several it is nobody's"
    assert all("device-side assert" in one.reason for _, one in told)
    assert leaves == (hosting.LEAVES, [] if count == 1 else [2, 1])


BREAKS = """
import time
from dataclasses import replace
from multiprocessing.util import Finalize
from tests.cases import tiny
from tuner.engines import hosting

def build(hyperparameters, shape):
    if hyperparameters.width == 7:
        hosting.is_usable = lambda: False
        Finalize(None, time.sleep, args=(1,), exitpriority=1)
        raise RuntimeError("CUDA error")
    return tiny.build(hyperparameters, shape)

CASE = replace(tiny.CASE, build=build)
"""


@pytest.mark.slow
def test_a_fit_that_breaks_the_card_harms_none_beside_it_or_after_it(
    job: Job, tmp_path: Path
) -> None:
    """A process that has lost its card takes a moment to end, and may be sent the next fit."""
    file = tmp_path / "breaks.py"
    file.write_text(BREAKS)
    fine = replace(job, case=str(file), source=None)
    broken = replace(fine, hyperparameters={**job.hyperparameters, "width": 7})
    ends: dict[int, Finished | Failed] = {}
    with closing(ProcessEngine(2, cards=("0",))) as engine:
        jobs = {0: fine, 1: broken, 2: fine, 3: broken, 4: fine}
        run_all(engine, jobs, lambda key, end, _points: ends.update({key: end}))
    reasons = [end.reason if isinstance(end, Failed) else "" for _, end in sorted(ends.items())]
    assert ["CUDA error" in reason for reason in reasons] == [False, True, False, True, False]
    assert reasons[::2] == [""] * 3


class Listens(Several):
    """The end of a pipe that sends a job, and then its cancellation."""

    def recv(self) -> tuple[int, Job | None]:
        if self.jobs:
            return 1, self.jobs.pop()
        if not self.given_up:
            self.given_up = True
            return 1, None
        raise EOFError

    given_up = False

    def poll(self) -> bool:
        return bool(self.jobs) or bool(self.sent)


def test_memory_is_given_back_after_a_fit_that_was_given_up(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "")
    pipe, released = Listens([job]), list[int]()

    def release_card() -> bool:
        released.append(len(pipe.sent))
        return True

    monkeypatch.setattr(hosting, "release_card", release_card)
    host(pipe, "0")
    assert pipe.given_up
    assert released[0] == 0
    assert released[-1] > 0, "when it had nothing left to do"


def test_memory_is_given_back_while_others_train(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of an ended fit: with several fits in a process, it may never be idle."""
    monkeypatch.setenv(VISIBLE, "")
    pipe, looked = Several([job, replace(job, stop_after=1)]), list[int]()

    def look() -> None:
        looked.append(sum(isinstance(event, Finished) for _, event in pipe.sent))

    monkeypatch.setattr(hosting, "give_back_if_scarce", look)
    host(pipe, "0")
    assert looked == [1], "after the first; after the last one nothing is left that trains"


class GivesUp(Several):
    """The end of a pipe that sends two jobs, and cancels the first once both train."""

    given_up = False

    def recv(self) -> tuple[int, Job | None]:
        if self.jobs or self.given_up:
            return super().recv()
        self.given_up = True
        return 2, None

    def poll(self) -> bool:
        return bool(self.jobs) or (len(self.sent) == 2 and not self.given_up)


def test_memory_of_a_fit_that_was_given_up_is_given_back_while_others_train(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "")
    pipe, looked = GivesUp([job, job]), list[bool]()
    monkeypatch.setattr(hosting, "give_back_if_scarce", lambda: looked.append(pipe.given_up))
    host(pipe, "0")
    assert looked == [True]
    assert sum(isinstance(event, Finished) for _, event in pipe.sent) == 1


@pytest.mark.parametrize(("free", "given_back"), [(100, 0), (30, 1)])
def test_memory_is_given_back_only_where_much_of_it_is_taken(
    monkeypatch: pytest.MonkeyPatch, free: int, given_back: int
) -> None:
    emptied: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free * 2**30, 139 * 2**30))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(free))
    # Recorded steps of continuing fits write into the workspaces.
    monkeypatch.setattr(cards, "forget_workspaces", lambda: pytest.fail("others are training"))
    give_back_if_scarce()
    assert len(emptied) == given_back


def test_an_error_that_comes_while_memory_is_given_back_is_left_to_whom_it_concerns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[str]()

    def fail() -> None:
        asked.append("memory")
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", fail)
    give_back_if_scarce()
    assert asked == ["memory"]


def test_a_process_that_has_not_used_its_card_has_nothing_to_give_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[str]()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: asked.append("memory"))
    give_back_if_scarce()
    assert not asked, "it would start CUDA"


def test_what_cards_of_several_machines_are_is_told_as_one() -> None:
    first = {"names": ["H100"], "memory_gib": [79.2], "driver": "580", "cuda": "13.0", "cudnn": 91}
    other = {**first, "names": ["A100", "A100"], "memory_gib": [39.4, 39.4], "driver": "575"}
    assert of_all([first]) == first
    assert of_all([first, other]) == {
        "names": ["H100", "A100", "A100"],
        "memory_gib": [79.2, 39.4, 39.4],
        "driver": "575 and 580",
        "cuda": "13.0",
        "cudnn": 91,
    }


@pytest.mark.parametrize(
    ("looks", "first"),
    [((0, 0), 0), ((1, 0), 1), ((2, 2), 0), ((3, 2), 1), ((200, 1), 1)],
)
def test_the_next_turn_is_the_first_that_has_something_to_do(
    looks: tuple[int, int], first: int
) -> None:
    """For two fits, each of which must be polled this often until its GPU work is done."""

    class Mark:
        def __init__(self, left: int) -> None:
            self.left = left

        def query(self) -> bool:
            self.left -= 1
            return self.left < 0

    turns = deque(
        hosting._Hosted(place, 1, iter(()), turn=Turn([Mark(left)]))  # type: ignore[arg-type]
        for place, left in enumerate(looks)
    )
    assert hosting._next(turns).ticket == first
    assert [one.ticket for one in turns] == [1 - first]
