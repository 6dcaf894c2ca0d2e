"""Muon: compared with torch's own on matrices, the division with AdamW, schedules, and cost."""

from __future__ import annotations

import warnings
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR
from torch.utils._python_dispatch import TorchDispatchMode

from tuner.case.contract import Shape
from tuner.models.cnn import CNNHyperparameters, build_cnn
from tuner.training.muon import (
    Muon,
    hidden_weights,
    nearer,
    nearer_in_few_kernels,
    operations,
    orthogonal,
)
from tuner.training.stacking import Stack
from tuner.training.work import Work

SHAPE = Shape((3, 16, 16), 5)
RATE, DECAY = 1e-2, 0.1


def linear() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))


def cnn() -> nn.Module:
    torch.manual_seed(0)
    made = CNNHyperparameters(width=4, hidden=8, batch_norm=True, pool_first=True)
    return build_cnn(made, SHAPE)


def batch(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, rows: Tensor, count: int = 5) -> None:
    """Take steps on some loss that is not flat."""
    for _ in range(count):
        optimizer.zero_grad()
        model(rows).square().mean().backward()
        optimizer.step()


def test_matrices_take_the_steps_of_torchs_muon() -> None:
    ours, theirs = linear(), linear()
    rows = batch(1, 20, 6)
    steps(ours, Muon(ours, RATE, DECAY, torch.bfloat16), rows)
    hidden = [weight for weight, _ in hidden_weights(theirs)]
    others = [one for one in theirs.parameters() if all(one is not two for two in hidden)]
    muon = torch.optim.Muon(
        hidden, lr=RATE, weight_decay=DECAY, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(others, lr=RATE, weight_decay=DECAY, fused=True)
    for _ in range(5):
        muon.zero_grad()
        adamw.zero_grad()
        theirs(rows).square().mean().backward()
        muon.step()
        adamw.step()
    start = linear()
    for own, other, before in zip(
        ours.parameters(), theirs.parameters(), start.parameters(), strict=True
    ):
        moved = (other - before).norm()
        assert moved > 0
        # The order of rounding to bfloat16 differs.
        assert (own - other).norm() < 0.03 * moved


def test_a_kernel_is_the_matrix_of_its_channels() -> None:
    """In any memory format: a step of a kernel equals that of its matrix."""
    kernel, flat = nn.Conv2d(3, 4, 3, bias=False), nn.Linear(27, 4, bias=False)
    flat.weight.data.copy_(kernel.weight.data.flatten(1))
    gradient = batch(2, 4, 3, 3, 3)
    for last in (False, True):
        alone, matrix = deepcopy(kernel), deepcopy(flat)
        if last:
            alone.to(memory_format=torch.channels_last)
        alone.weight.grad = gradient.clone()
        matrix.weight.grad = gradient.flatten(1)
        for layer in (alone, matrix):
            network = nn.Sequential(layer, nn.Linear(4, 1))
            Muon(network, RATE, DECAY, torch.float32).step()
        assert torch.allclose(alone.weight.flatten(1), matrix.weight)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (3, 5, 7), (16, 16), (1, 6)])
def test_singular_values_are_near_one(shape: tuple[int, ...]) -> None:
    matrices = batch(3, *shape)
    made = orthogonal(matrices)
    values = torch.linalg.svdvals(made)
    assert values.min() > 0.6
    assert values.max() < 1.3
    before = torch.linalg.svd(matrices, full_matrices=False)
    turned = before.U.mT @ made @ before.Vh.mT
    assert torch.allclose(turned, torch.diag_embed(turned.diagonal(dim1=-2, dim2=-1)), atol=1e-3)


@pytest.mark.parametrize("shape", [(4, 9), (3, 5, 8)])
def test_a_card_computes_the_same_in_fewer_kernels(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape, dtype=torch.float64)
    assert torch.allclose(nearer_in_few_kernels(matrices), nearer(matrices), rtol=1e-10)


class Kernels(TorchDispatchMode):
    """Counts operations by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.counts[function.overloadpacket.__name__] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("device", "shape", "products"),
    [
        ("cuda", (4, 9), {"mm": 5, "addmm": 10}),
        ("cuda", (9, 4), {"mm": 5, "addmm": 10}),
        ("cuda", (3, 4, 9), {"bmm": 5, "baddbmm": 10}),
        ("cpu", (4, 9), {"mm": 15, "mul": 15, "add": 10}),
    ],
)
def test_which_kernels_a_device_is_given(
    device: str, shape: tuple[int, ...], products: dict[str, int]
) -> None:
    """On a fake GPU: its tensors have no numbers."""
    with FakeTensorMode(), Kernels() as kernels:
        made = orthogonal(torch.empty(shape, dtype=torch.bfloat16, device=device))
    assert made.shape == shape
    wanted = ("mm", "bmm", "addmm", "baddbmm", "mul", "add")
    assert {name: kernels.counts[name] for name in wanted if kernels.counts[name]} == products


def test_a_gradient_of_nothing_moves_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_a_step_is_as_long_as_one_of_adamw() -> None:
    """Root mean square 0.2, which Liu et al. 2025 found for AdamW, within a tolerance."""
    model = linear()
    (_, (weight, _)) = hidden_weights(model)
    before = weight.detach().clone()
    steps(model, Muon(model, RATE, 0.0, torch.float32), batch(4, 20, 6), 1)
    length = (weight - before).square().mean().sqrt().item()
    assert length == pytest.approx(0.2 * RATE, rel=0.3)


def shared() -> nn.Module:
    """A network whose output shares the weights of a hidden layer."""
    first, second, output = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
    output.weight = second.weight
    return nn.Sequential(first, second, output)


def tied() -> nn.Module:
    """An embedding whose weights a linear layer shares."""
    words, hidden = nn.Embedding(6, 4), nn.Linear(4, 6)
    hidden.weight = words.weight
    return nn.Sequential(words, hidden, nn.Linear(6, 2))


def normalised() -> nn.Module:
    """A layer with computed weights; reading them changes the layer."""
    torch.manual_seed(0)
    return nn.Sequential(spectral_norm(nn.Linear(6, 4)), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (linear(), 2),
        (shared(), 1),
        (tied(), 0),
        (normalised(), 0),
        (nn.Sequential(nn.Linear(4, 4, dtype=torch.complex64), nn.Linear(4, 2)), 0),
        (cnn(), 3),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.Linear(4, 2)), 0),
        (nn.Sequential(nn.Embedding(5, 4), nn.LSTM(4, 4)), 0),
        (nn.Linear(4, 2), 0),
        (Stack([linear(), linear()], []), 2),
    ],
    ids=[
        "linear",
        "shared",
        "tied",
        "normalised",
        "complex",
        "cnn",
        "groups",
        "others",
        "one",
        "stack",
    ],
)
def test_what_lies_between_hidden_layers(model: nn.Module, count: int) -> None:
    """Not the output, nor weights shared with it or an embedding; AdamW gets the others, once."""
    found = hidden_weights(model)
    assert len(found) == count
    optimizer = Muon(model, RATE, DECAY, torch.float32)
    held = [id(one) for group in optimizer.param_groups for one in group["params"]]
    assert sorted(held) == sorted(map(id, model.parameters()))


def test_a_layer_that_is_thawed_later_trains() -> None:
    model = linear()
    model.requires_grad_(requires_grad=False)[4].requires_grad_()
    optimizer, rows = Muon(model, RATE, DECAY, torch.float32), batch(7, 20, 6)
    before = [weight.detach().clone() for weight in model.parameters()]
    steps(model, optimizer, rows, 1)
    assert all(map(torch.equal, before[:4], model.parameters()))
    model.requires_grad_()
    steps(model, optimizer, rows, 1)
    assert not any(map(torch.equal, before, model.parameters()))


def test_counting_leaves_a_model_as_it_is() -> None:
    model = normalised()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Work.count(model, (6,), muon=True)
    Muon(model, RATE, DECAY, torch.float32)
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_layer_without_outputs_costs_no_products() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's warning on an empty tensor
        assert operations(nn.Sequential(nn.Linear(4, 0), nn.Linear(0, 2)), 1) > 0


def test_a_stack_takes_the_steps_that_its_members_would_take() -> None:
    members = [linear(), linear()]
    for number, member in enumerate(members):
        for weight in member.parameters():
            weight.data.add_(0.1 * number)
    alone = [deepcopy(member) for member in members]
    stack, rows = Stack(members, []), batch(5, 2, 20, 6)
    optimizer = Muon(stack, RATE, DECAY, torch.float32)
    for _ in range(3):
        optimizer.zero_grad()
        (2 * stack(rows).square().mean()).backward()
        optimizer.step()
    for place, (member, other) in enumerate(zip(stack.unstack(), alone, strict=True)):
        steps(other, Muon(other, RATE, DECAY, torch.float32), rows[place], 3)
        for one, two in zip(member.parameters(), other.parameters(), strict=True):
            assert torch.allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("asked", [StepLR, OneCycleLR])
def test_a_schedule_changes_the_rate_of_all_weights(asked: type[LRScheduler]) -> None:
    model = cnn()
    optimizer = Muon(model, RATE, DECAY, torch.float32)
    made = (
        StepLR(optimizer, 1, 0.0)
        if asked is StepLR
        else OneCycleLR(optimizer, RATE, total_steps=3, cycle_momentum=False, final_div_factor=1e30)
    )
    rows = batch(6, 4, 3, 16, 16)
    for _ in range(1 if asked is StepLR else 2):
        steps(model, optimizer, rows, 1)
        made.step()
    assert all(group["lr"] < 1e-20 for group in optimizer.param_groups)
    before = [weight.clone() for weight in model.parameters()]
    steps(model, optimizer, rows, 1)
    assert all(map(torch.equal, before, model.parameters()))


def test_what_it_costs_is_counted() -> None:
    plain, ours = (Work.count(cnn(), SHAPE.inputs, 3, muon=one) for one in (False, True))
    assert ours.training_row == plain.training_row
    assert ours.step - plain.step == operations(cnn(), 3) > 0
    on_card = [Work.count(cnn(), SHAPE.inputs, device="cuda", muon=one) for one in (False, True)]
    assert on_card[1].step > on_card[0].step
