"""What only a GPU can show. Without one these tests are skipped, with the reason."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tests.made_up import made_up
from tests.making import TINY
from tuner.case.contract import shape_of
from tuner.case.loading import load_case
from tuner.data.sources.folders import Folders
from tuner.data.splits import KFold, folds
from tuner.engines.cards import card_facts, release_card, visible_cards
from tuner.engines.choosing import ThisMachine
from tuner.engines.job import Failed, Finished, run_all
from tuner.training.device import computing
from tuner.training.fitting import fit
from tuner.training.inference import Fitted
from tuner.training.learner import Learner, make_learners
from tuner.training.plan import Plan, plan_for
from tuner.training.rehearsal import rehearse
from tuner.training.step import make_trainers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold
    from tuner.engines.job import Job
    from tuner.training.fitting import ReportPoint

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use"),
]
CASES = {name: load_case(name) for name in ("mnist", "flowers", "housing", TINY)}


def data_of(name: str) -> Dataset:
    return CASES[name].load(Folders()) if name == TINY else made_up(name)


def drawing(name: str) -> Any:
    """Return the baseline with everything that draws random numbers."""
    wanted = {
        "dropout": 0.3,
        "augmentation": 0.5,
        "batch_norm": True,
        "batch_size": 8,
        "optimizer": "muon" if name in ("flowers", "housing") else "adam",
    }
    baseline = CASES[name].baseline
    return replace(baseline, **{key: v for key, v in wanted.items() if hasattr(baseline, key)})


def trained(
    name: str, seed: int | list[int] = 0, parts: Sequence[Fold] | None = None, **changes: Any
) -> tuple[list[ReportPoint], tuple[Fitted, ...]]:
    case, data = replace(CASES[name], **changes), data_of(name)
    plan = plan_for(case.task, images=data.pixels is not None)
    assert plan.device == "cuda"
    points = []
    parts = folds(data.development, KFold(3), 0) if parts is None else parts
    running = fit(case, drawing(name), data, parts, seed, plan)
    while True:
        try:
            points.append(next(running))
        except StopIteration as end:
            return points, end.value


@pytest.mark.parametrize("name", CASES)
def test_the_same_fit_twice_is_the_same_bit_for_bit(name: str) -> None:
    (points, models), (again, others) = trained(name), trained(name)
    assert points == again
    assert_equal(models, others)


def assert_equal(models: Sequence[Fitted], others: Sequence[Fitted]) -> None:
    for one, other in zip(models, others, strict=True):
        state = other.model.state_dict()
        assert all(torch.equal(value, state[key]) for key, value in one.model.state_dict().items())


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_step_gives_the_bits_of_one_that_is_not(name: str) -> None:
    (points, models) = trained(name, cuda_graph=True)
    again, others = trained(name, cuda_graph=False)
    assert points == again
    assert_equal(models, others)


@pytest.mark.parametrize("name", ["mnist", "flowers"])
def test_networks_side_by_side_train_as_each_would_alone(name: str) -> None:
    parts = folds(data_of(name).development, KFold(3), 0)
    together = trained(name, [3, 4, 5], parts)[1]
    alone = [trained(name, [3 + place], [part])[1][0] for place, part in enumerate(parts)]
    assert_equal(together, alone)


@pytest.mark.parametrize("always", [True, False])
def test_what_cannot_be_recorded_runs_as_it_is(always: bool) -> None:
    class Waits(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.network(inputs)
            if self.training and not always:  # steps are recorded, but the validation cannot be
                return made
            return made * float(made.detach().abs().max() >= 0)  # reads a value from the GPU

    def build(hyperparameters: Any, shape: Any) -> nn.Module:
        return Waits(CASES["mnist"].build(hyperparameters, shape))

    points, models = trained("mnist", build=build, cuda_graph=True)
    again, others = trained("mnist", build=build, cuda_graph=False)
    assert points == again
    assert_equal(models, others)
    release_card()  # before PyTorch 2.13, a process cannot continue after a failed recording


def test_a_fit_leaves_the_card_as_it_was() -> None:
    trained("mnist")
    assert release_card()
    before = torch.cuda.memory_reserved()
    for _ in range(3):
        trained("mnist")
    assert release_card()
    assert torch.cuda.memory_reserved() == before


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("name", CASES)
def test_a_step_never_waits_for_the_processor(name: str) -> None:
    case, data = CASES[name], data_of(name)
    plan = plan_for(case.task, images=data.pixels is not None)
    parts = folds(data.development, KFold(3), 0)
    with computing(plan):
        learners = make_learners(case, drawing(name), data, parts, 0, plan.device)
        for trainer in make_trainers(case, drawing(name), data, learners, plan):
            for _ in range(2):
                trainer.train(trainer.shuffled())  # one-time setup may wait
            batches = trainer.shuffled()
            torch.cuda.set_sync_debug_mode("error")
            try:
                trainer.train(batches)
            finally:
                torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", CASES)
def test_card_and_processor_agree_on_a_model(name: str) -> None:
    case, data = CASES[name], data_of(name)
    (fold, *_) = folds(data.development, KFold(3), 0)
    torch.manual_seed(0)
    learner = Learner.make(case, case.baseline, data, fold, 0)
    rows = data.development.features[:20]
    made = []
    for device in ("cpu", "cuda"):
        network = case.build(case.baseline, shape_of(data))
        network.load_state_dict(learner.network.state_dict())
        fitted = Fitted(network.to(device).eval(), learner.features, learner.targets)
        made.append(fitted.outputs(rows, Plan(device=device)).cpu())
    assert torch.allclose(made[0], made[1], rtol=1e-3, atol=1e-4)


def ends_of(
    workers: int, jobs: dict[int, Job]
) -> tuple[dict[int, Finished | Failed], dict[int, Sequence[ReportPoint]]]:
    ends: dict[int, Finished | Failed] = {}
    points: dict[int, Sequence[ReportPoint]] = {}

    def on_end(key: int, end: Finished | Failed, sent: Sequence[ReportPoint]) -> None:
        ends[key], points[key] = end, sent

    plan = next(iter(jobs.values())).plan
    with closing(ThisMachine(workers).engine(plan)) as engine:
        run_all(engine, jobs, on_end)
    return ends, points


def on_card(job: Job, **changes: Any) -> Job:
    return replace(job, plan=replace(job.plan, device="cuda"), **changes)


def test_workers_that_share_a_card_give_what_one_gives(job: Job) -> None:
    jobs = {key: on_card(job, stop_after=1 + key) for key in range(4)}
    _, alone = ends_of(1, jobs)
    _, together = ends_of(3, jobs)
    assert alone == together


SEES = """
from dataclasses import replace
from pathlib import Path
import os, torch
from tests.cases import tiny

def build(hyperparameters, shape):
    seen = f"{torch.cuda.device_count()} {os.environ['CUDA_VISIBLE_DEVICES']}"
    Path(__file__).with_name(f"{os.getpid()}.seen").write_text(seen)
    return tiny.build(hyperparameters, shape)

CASE = replace(tiny.CASE, build=build)
"""


def test_each_worker_sees_one_card(job: Job, tmp_path: Path) -> None:
    file = tmp_path / "sees.py"
    file.write_text(SEES)
    cards = visible_cards()
    jobs = {key: on_card(job, case=str(file), source=None) for key in range(2 * len(cards))}
    ends, _ = ends_of(len(cards), jobs)
    assert all(isinstance(end, Finished) for end in ends.values())
    seen = sorted(path.read_text() for path in tmp_path.glob("*.seen"))
    assert seen == sorted(f"1 {card}" for card in cards)


BREAKS = """
from dataclasses import replace
import torch
from tests.cases import tiny

def build(hyperparameters, shape):
    if hyperparameters.width == 7:
        {fault}
    return tiny.build(hyperparameters, shape)

CASE = replace(tiny.CASE, build=build)
"""
FULL = "torch.empty(2**43, dtype=torch.uint8, device='cuda')"
LATE = "torch.zeros(1, device='cuda')[torch.tensor([5], device='cuda')]"
ASSERT = f"{LATE}.cpu()"


@pytest.mark.parametrize(
    ("fault", "full", "workers"),
    [(FULL, True, 1), (ASSERT, False, 1), (LATE, False, 1), (LATE, False, 3)],
)
def test_a_fit_that_breaks_on_the_card_costs_itself_alone(
    job: Job, tmp_path: Path, fault: str, full: bool, workers: int
) -> None:
    file = tmp_path / "breaks.py"
    file.write_text(BREAKS.format(fault=fault))
    fine = on_card(job, case=str(file), source=None)
    broken = replace(fine, hyperparameters={**job.hyperparameters, "width": 7})
    ends, _ = ends_of(workers, {0: broken, 1: fine, 2: fine})
    failed = ends[0]
    assert isinstance(failed, Failed)
    assert failed.out_of_memory == full
    assert isinstance(ends[1], Finished)
    assert isinstance(ends[2], Finished)


def test_an_operation_without_a_deterministic_algorithm_is_named() -> None:
    case, data = CASES["mnist"], data_of("mnist")
    plan = plan_for(case.task, images=True)
    assert rehearse(case, data, plan).not_repeatable == ()

    def build(hyperparameters: Any, shape: Any) -> nn.Module:
        pooled = nn.AdaptiveMaxPool2d(2)  # PyTorch's list has its backward pass on CUDA
        return nn.Sequential(nn.Conv2d(1, 4, 3), pooled, nn.Flatten(), nn.Linear(16, shape.outputs))

    rehearsal = rehearse(replace(case, build=build), data, plan)
    assert rehearsal.not_repeatable == ("adaptive_max_pool2d_backward_cuda",)
    assert any("adaptive_max_pool2d" in remark for remark in rehearsal.remarks)


def test_the_card_is_known_by_name_and_driver() -> None:
    facts = card_facts()
    assert len(facts["names"]) == len(visible_cards())
    assert facts["driver"] != "unknown"
    assert facts["cuda"]
    assert facts["cudnn"]
