"""The behaviour on a GPU as far as a processor can show it: settings, and device transfers."""

from __future__ import annotations

import os
import warnings
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tests.made_up import made_up
from tests.making import TINY
from tuner.case.loading import load_case
from tuner.data.augment import move, recolour
from tuner.data.sources.folders import Folders
from tuner.data.splits import KFold, folds
from tuner.training.device import REPEATABLE, WORKSPACE, computing, without_repeats
from tuner.training.fitting import _queue_report, _read, fit
from tuner.training.learner import make_learners
from tuner.training.plan import Plan
from tuner.training.step import Trainer, make_trainers

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset

CARD = Plan(device="cuda")
ROUNDED = Plan(device="cuda", precision="bfloat16")
READS = {"item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__", "__index__"}
CASES = {"images": load_case("flowers"), "stack": load_case(TINY), "numbers": load_case("housing")}


def data_of(name: str) -> Dataset:
    case = CASES[name]
    return case.load(Folders()) if name == "stack" else made_up(case.name)


def trainers_of(case: Case, data: Dataset, device: str = "cpu", count: int = 2) -> list[Trainer]:
    """Return trainers of some folds, with dropout, and augmentation if the case has it."""
    drawing = {"dropout": 0.3, "batch_size": 8}
    if hasattr(case.baseline, "augmentation"):
        drawing["augmentation"] = 0.5
    chosen = replace(case.baseline, **drawing)
    parts = folds(data.development, KFold(count), 0)
    plan = Plan(device=device, channels_last=data.pixels is not None)
    learners = make_learners(case, chosen, data, parts, 0, device)
    return make_trainers(case, chosen, data, learners, plan)


class Reads(TorchFunctionMode):
    """Records whatever waits for a device: values that are read, and copies to the processor."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(function, "__name__", "")
        if name in READS:
            self.found.append(name)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", CASES)
def test_a_report_point_waits_once_for_the_device(name: str) -> None:
    trainers = trainers_of(CASES[name], data_of(name))
    with Reads() as reads:
        batches = [trainer.shuffled() for trainer in trainers]
        for trainer, own in zip(trainers, batches, strict=True):
            trainer.train(own)
        assert reads.found == []
        _read(trainers, _queue_report(trainers), 1, 1.0)
    assert reads.found == ["tolist"]


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch) -> str:
    """A device without numbers; it has no generators, because nothing is drawn, and no autocast."""
    real = torch.Generator

    def make(device: str = "cpu") -> Generator:
        return real("cpu" if device == "meta" else device)

    monkeypatch.setattr(torch, "Generator", make)
    monkeypatch.setattr(torch, "autocast", lambda *_arguments, **_named: nullcontext())
    return "meta"


def descent(model: nn.Module, hyperparameters: Any, steps: int) -> torch.optim.Optimizer:
    """An optimizer that runs without numbers; the fused ones require a real device."""
    return torch.optim.SGD(model.parameters(), hyperparameters.learning_rate)


@pytest.mark.parametrize("name", CASES)
def test_all_of_a_step_and_of_a_validation_is_on_the_device(name: str, meta: str) -> None:
    """On `meta`, tensors only have shapes: reading one, or mixing in processor tensors, raises."""
    case = replace(CASES[name], optimizer=descent)
    if case.augment is not None:
        # It draws on its generator's device, which must be another one here.
        case = replace(case, augment=lambda images, *_: images * torch.rand_like(images))
    for trainer in trainers_of(case, data_of(name), meta):
        batches = trainer.shuffled()
        trainer.train(batches)
        told = [*trainer.progress(), *chain.from_iterable(trainer.validate())]
        assert {value.device.type for value in (*batches, *told)} == {"meta"}
        assert {weight.device.type for weight in trainer.weights} == {"meta"}
        assert all(value.shape == () for value in told)
        models = [fitted.model for fitted in trainer.fitted()]
        assert {one.device.type for model in models for one in model.parameters()} == {meta}


@pytest.mark.parametrize("name", CASES)
def test_each_learner_draws_from_a_generator_of_its_own(name: str) -> None:
    learners = [
        one for trainer in trainers_of(CASES[name], data_of(name)) for one in trainer.learners
    ]
    seeds = {learner.random.initial_seed() for learner in learners}
    assert len(seeds) == len(learners)


def test_augmentation_draws_on_its_generators_device() -> None:
    images = torch.rand(3, 3, 8, 8)
    one, other = (torch.Generator().manual_seed(0) for _ in range(2))
    moved = move(images, 1.0, one, degrees=10, shift=0.1, scale=0.1, flip=True)
    again = move(images, 1.0, other, degrees=10, shift=0.1, scale=0.1, flip=True)
    assert torch.equal(moved, again)
    assert torch.equal(recolour(images, 0.5, one), recolour(images, 0.5, other))


class OnCard:
    """A generator of a GPU, with the attributes that are used here."""

    def initial_seed(self) -> int:
        return 5


@pytest.mark.parametrize("own", ["augment", "step"])
def test_a_case_that_draws_on_the_processor_is_given_a_generator_there(own: str) -> None:
    """The error is PyTorch's own, for drawing on the processor with a GPU's generator."""
    given: list[object] = []

    def draw(random: Any) -> Tensor:
        given.append(random)
        if isinstance(random, OnCard):
            raise RuntimeError("Expected a 'cpu' device type for generator but found 'cuda'")
        return torch.rand(1, generator=random)

    def augment(features: Tensor, hyperparameters: Any, random: Any) -> Tensor:
        return features + draw(random)

    def step(model: nn.Module, batch: Any) -> tuple[Tensor | None, Tensor]:
        outputs = model(batch.features + draw(batch.random))
        return nn.functional.cross_entropy(outputs, batch.targets), outputs

    whole = CASES["stack"]
    case = replace(whole, augment=augment) if own == "augment" else replace(whole, step=step)
    trainer = trainers_of(case, data_of("stack"))[0]
    given.clear()  # work was counted
    trainer.forward.random = OnCard()  # type: ignore[assignment]
    trainer.train(trainer.shuffled()[:2])
    assert [isinstance(one, OnCard) for one in given] == [True, False, False]
    assert given[1] is given[2]
    assert given[1].initial_seed() == 5  # type: ignore[attr-defined]


def test_another_error_of_a_case_is_raised() -> None:
    def augment(features: Tensor, hyperparameters: Any, random: Any) -> Tensor:
        raise RuntimeError("mat1 and mat2")

    case = replace(CASES["stack"], augment=augment)
    trainer = trainers_of(case, data_of("stack"))[0]
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        trainer.train(trainer.shuffled()[:1])


def settings() -> dict[str, Any]:
    """Return everything that `computing` may change."""
    backends: Any = torch.backends
    filling: Any = torch.utils.deterministic
    return {
        "repeatable": torch.are_deterministic_algorithms_enabled(),
        "products": backends.cuda.matmul.fp32_precision == "tf32",
        "convolutions": backends.cudnn.conv.fp32_precision == "tf32",
        "recurrent": backends.cudnn.rnn.fp32_precision == "tf32",
        "filled": filling.fill_uninitialized_memory,
    }


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKSPACE, "")  # so that it is restored
    monkeypatch.delenv(WORKSPACE)


@pytest.mark.parametrize(("plan", "rounding"), [(CARD, False), (ROUNDED, True)])
def test_a_card_computes_as_the_plan_says_and_alike_each_time(
    plan: Plan, rounding: bool, workspace: None
) -> None:
    before = settings()
    with computing(plan):
        assert settings() == {
            "repeatable": True,
            "products": rounding,
            "convolutions": rounding,
            "recurrent": rounding,
            "filled": False,
        }
        assert os.environ[WORKSPACE] == REPEATABLE
        assert torch.backends.cuda.matmul.allow_tf32 == rounding, "torch.compile reads it"
    assert settings() == before


@pytest.mark.parametrize("new", [False, True])
def test_what_somebody_has_chosen_for_products_comes_back(workspace: None, new: bool) -> None:
    products: Any = torch.backends.cuda.matmul
    if new:
        products.fp32_precision = "tf32"
    else:
        torch.set_float32_matmul_precision("medium")
    try:
        with computing(CARD):
            assert products.fp32_precision == "ieee"
        assert products.fp32_precision == "tf32"
        assert torch.get_float32_matmul_precision() == ("high" if new else "medium")
    finally:
        torch.set_float32_matmul_precision("highest")


def test_what_pytorch_2_9_warns_of_is_not_passed_on(
    workspace: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned() -> str:
        warnings.warn("Please use the new API settings to control TF32", UserWarning, stacklevel=2)
        return "highest"

    monkeypatch.setattr(torch, "get_float32_matmul_precision", warned)
    with computing(CARD):
        assert torch.are_deterministic_algorithms_enabled()


def test_a_processor_computes_as_ever(workspace: None) -> None:
    before = settings()
    with computing(Plan(precision="bfloat16")):
        assert settings() == before
        assert WORKSPACE not in os.environ


def test_a_workspace_that_somebody_has_chosen_stays(
    workspace: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKSPACE, ":16:8")
    with computing(CARD):
        assert os.environ[WORKSPACE] == ":16:8"


def test_operations_without_a_deterministic_algorithm_are_named(workspace: None) -> None:
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with computing(CARD), without_repeats() as found:
            for _ in range(2):
                torch.zeros(5).put_(torch.tensor([1]), torch.tensor([2.0]))
            warnings.warn("something else", UserWarning, stacklevel=1)
    assert found == ["put_"]
    assert [str(one.message) for one in others] == ["something else"]


def test_a_fit_computes_so_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two points, their consumer has PyTorch's default settings."""
    seen: list[bool] = []
    case, data = CASES["stack"], data_of("stack")

    def build(hyperparameters: Any, shape: Any) -> nn.Module:
        seen.append(torch.are_deterministic_algorithms_enabled())
        raise InterruptedError

    plan = replace(CARD, evaluation_batch=10)
    running = fit(
        replace(case, build=build),
        case.baseline,
        data,
        folds(data.development, KFold(2), 0),
        0,
        plan,
    )
    with pytest.raises(InterruptedError):
        next(running)
    assert seen == [True]
    assert not torch.are_deterministic_algorithms_enabled()
