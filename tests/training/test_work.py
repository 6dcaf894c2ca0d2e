"""Work is counted from shapes: by hand on a small network, and without touching it."""

from __future__ import annotations

from dataclasses import replace

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
    # 16x16 and 8x8 padded maps, 3x3 kernels, a multiplication and an addition each; 4x4x8 to 5.
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
