"""The comparison that finds networks with equal computations; their work is counted once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torchvision.models import resnet18

from tests.made_up import made_up
from tuner.case.contract import shape_of
from tuner.case.loading import load_case
from tuner.data.splits import KFold, folds
from tuner.training import work
from tuner.training.learner import make_learners
from tuner.training.plan import Plan
from tuner.training.step import make_trainers
from tuner.training.structure import structure_of
from tuner.training.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = ("mnist", "flowers", "housing")


class Own(nn.Module):
    """A user's own layer."""


class Holder(nn.Sequential):
    """A module whose name looks like torch's, and that stores what it is given."""

    __module__ = "torch.nn"

    def __init__(self, kept: object) -> None:
        super().__init__()
        self.kept = kept


def hooked() -> nn.Module:
    network = nn.Linear(2, 2)
    network.register_forward_hook(lambda *_: None)
    return network


def replaced() -> nn.Module:
    network = nn.Linear(2, 2)
    network.forward = functional.relu  # type: ignore[method-assign]
    return network


def tied() -> nn.Module:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[1].weight = network[0].weight
    return network


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Dropout(0.5)),
        lambda: nn.MultiheadAttention(4, 2),
        lambda: resnet18(),
        tied,
    ],
)
def test_networks_that_are_built_alike_have_one_structure(build: Callable[[], nn.Module]) -> None:
    found, again = structure_of(build()), structure_of(build())
    assert found is not None
    assert (found, hash(found)) == (again, hash(again))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.Linear(2, 3), nn.Linear(2, 3, bias=False)),
        (nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3, padding=1)),
        (nn.Conv2d(1, 2, 3, padding="same"), nn.Conv2d(1, 2, 3, padding=1)),
        (nn.MultiheadAttention(4, 2), nn.MultiheadAttention(4, 1)),  # their texts are equal
        (nn.Linear(2, 3), nn.Linear(2, 3, dtype=torch.float64)),
        (tied(), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))),
        (Holder([nn.ReLU]), Holder([nn.GELU])),
        (nn.Sequential(nn.ReLU(), nn.Flatten()), nn.Sequential(nn.Flatten(), nn.ReLU())),
        (nn.Sequential(), nn.Sequential(nn.Sequential())),
    ],
)
def test_networks_that_differ_have_two(one: nn.Module, other: nn.Module) -> None:
    assert structure_of(one) is not None
    assert structure_of(one) != structure_of(other)


@pytest.mark.parametrize(
    "network",
    [
        Own(),
        nn.Sequential(Own()),
        hooked(),
        replaced(),
        Holder(functional.relu),
        Holder({"scale": 2.0}),
        Holder(torch.zeros(2)),
        parametrizations.weight_norm(nn.Linear(2, 2)),
    ],
)
def test_of_what_cannot_be_compared_nothing_is_told(network: nn.Module) -> None:
    assert structure_of(network) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_was_counted_before_is_what_is_counted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_counted", {})
    case, data = load_case(name), made_up(name)
    case = case.settled(data)
    trials = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(8):
        drawn = case.suggest(trials.ask())
        for device, copies in (("cpu", 1), ("cuda", 1), ("cpu", 5)):
            first, again = (
                Work.of(case, drawn, data, case.build(drawn, shape_of(data)), device, copies)
                for _ in range(2)
            )
            assert first is again
            assert first == Work.count(
                case.build(drawn, shape_of(data)),
                shape_of(data).inputs,
                copies,
                data.development.features.dtype,
                device=device,
                muon=drawn.optimizer == "muon",
            )


def counts_of(case: Any, data: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Train on three folds, twice; return how often work was counted."""
    monkeypatch.setattr(work, "_counted", {})
    count, counted = Work.count, list[nn.Module]()

    def counting(model: nn.Module, *given: Any, **named: Any) -> Work:
        counted.append(model)
        return count(model, *given, **named)

    monkeypatch.setattr(Work, "count", counting)
    plan, parts = Plan(), folds(data.development, KFold(3), 0)
    for seed in (0, 1):
        learners = make_learners(case, case.baseline, data, parts, seed)
        make_trainers(case, case.baseline, data, learners, plan)
    return len(counted)


def test_the_work_of_folds_and_seeds_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counts_of(load_case("flowers"), made_up("flowers"), monkeypatch) == 1


def test_the_work_of_layers_and_steps_of_ones_own_is_counted_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their work may depend on things that cannot be seen."""
    flowers, data = load_case("flowers"), made_up("flowers")

    class Wrapped(Own):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: torch.Tensor) -> Any:
            return self.network(inputs)

    def step(model: nn.Module, batch: Any) -> Any:
        return None, model(batch.features)

    own = replace(flowers, build=lambda *given: Wrapped(flowers.build(*given)))
    assert counts_of(own, data, monkeypatch) == 6
    assert counts_of(replace(flowers, step=step, augment=None), data, monkeypatch) == 6
