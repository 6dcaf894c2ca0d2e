"""Work is counted from shapes: checked by hand on a small network, which stays unchanged."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tuner.case.contract import Shape
from tuner.models.cnn import CNNHyperparameters, build_cnn
from tuner.training.work import (
    OPERATIONS_PER_ACTIVATION,
    OPERATIONS_PER_STEP,
    OPERATIONS_PER_WEIGHT,
    Work,
)

SHAPE = Shape((3, 16, 16), 5)
SMALL = CNNHyperparameters(width=4, hidden=0, batch_norm=True, padding=True)


@pytest.mark.parametrize(("layers", "activations"), [(nn.Linear(6, 4), 10), (nn.ReLU(), 12)])
def test_one_layer(layers: nn.Module, activations: int) -> None:
    weights = sum(weight.numel() for weight in layers.parameters())
    products = 2 * 6 * 4 if weights else 0
    assert Work.count(layers, (6,), copies=5) == Work(
        training_row=3 * products + 2 * OPERATIONS_PER_ACTIVATION * activations,
        validation_row=products + OPERATIONS_PER_ACTIVATION * activations,
        step=5 * weights * OPERATIONS_PER_WEIGHT + OPERATIONS_PER_STEP,
    )


def test_products_of_a_convolutional_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.training.work.OPERATIONS_PER_ACTIVATION", 0.0)
    # Padded maps of 16x16 and 8x8, 3x3 kernels, one multiplication and one addition each; then
    # 4x4x8 inputs to 5 outputs.
    forward = 2 * (16 * 16 * 9 * 3 * 4 + 8 * 8 * 9 * 4 * 8 + 4 * 4 * 8 * 5)
    for mirror, in_use in ((False, forward), (True, 2 * forward)):
        network = build_cnn(replace(SMALL, mirror=mirror), SHAPE)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        work = Work.count(network, SHAPE.inputs)
        assert (work.training_row, work.validation_row) == (3 * forward, in_use)
        after = network.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_layer_may_return_several_tensors() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(6, 4, batch_first=True)

        def forward(self, rows: Tensor) -> Tensor:
            outputs, _ = self.layer(rows)
            return outputs[:, -1]  # type: ignore[no-any-return]

    plain, recurrent = Work.count(nn.Identity(), (3, 6)), Work.count(Recurrent(), (3, 6))
    assert recurrent.training_row > plain.training_row


class Looking(nn.Module):
    """A module that branches on a value, so a tensor with only a shape cannot run it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer = nn.BatchNorm1d(6), nn.Linear(6, 4)

    def forward(self, rows: Tensor) -> Tensor:
        return self.layer(self.norm(rows)) if rows.mean() < 9 else rows


class Item(Looking):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows * (1 + rows.sum().item()))


class Processor(Looking):
    """A module that makes a tensor on the processor, and draws from the global generators."""

    def forward(self, rows: Tensor) -> Tensor:
        random.random()
        return super().forward(rows + torch.rand(6) + float(np.random.rand()))


class Chosen(Looking):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows[rows[:, 0] < 1])


class Impossible(Looking):
    """A module that fails even with rows of zeros."""

    def forward(self, rows: Tensor) -> Tensor:
        if not rows.any():
            raise ValueError("no rows of zeros")
        return super().forward(rows)


def states() -> tuple[object, ...]:
    drawn_by_numpy = repr(np.random.get_state(legacy=False))
    return random.getstate(), drawn_by_numpy, torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("kind", [Looking, Item, Processor, Chosen])
def test_a_model_that_needs_values_is_run_on_zeros(kind: type[Looking]) -> None:
    model = kind()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    before = states()
    work = Work.count(model, (6,))
    assert states() == before, "nothing is drawn"
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    # Elements of the input and of both outputs, plus the product of the linear layer.
    assert work == Work.count(nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 4)), (6,))


def test_a_model_that_draws_is_counted_alike_each_time() -> None:
    class Drawing(Looking):
        def forward(self, rows: Tensor) -> Tensor:
            times = 1 + int(3 * np.random.rand()) + random.randrange(3)
            for _ in range(times + int(torch.randint(0, 3, ()).item())):
                made = super().forward(rows)
            return made

    model = Drawing()
    assert len({Work.count(model, (6,)) for _ in range(8) if np.random.rand() < 2}) == 1


def test_a_model_that_cannot_be_run_beforehand_is_counted_by_its_weights() -> None:
    weights = 2 * 6 + 6 * 4 + 4
    assert Work.count(Impossible(), (6,)) == Work(
        training_row=3 * 2 * weights + 2 * OPERATIONS_PER_ACTIVATION * 6,
        validation_row=2 * weights + OPERATIONS_PER_ACTIVATION * 6,
        step=weights * OPERATIONS_PER_WEIGHT + OPERATIONS_PER_STEP,
    )
