from __future__ import annotations

import pytest
import torch

from tuner.case.contract import Shape
from tuner.models.mlp import build_mlp
from tuner.models.tabular import TabularHyperparameters, build_tabular
from tuner.training.stacking import can_stack

WITH = Shape((5,), 3, (4, 9))


@pytest.mark.parametrize("waves", [0, 4])
@pytest.mark.parametrize("shape", [Shape((5,), 1), WITH, Shape((2,), 3, (4, 9))])
def test_the_network_takes_numbers_and_codes(shape: Shape, waves: int) -> None:
    model = build_tabular(TabularHyperparameters(waves=waves, depth=2), shape)
    rows = torch.zeros(7, shape.inputs[0])
    outputs = model(rows)
    assert outputs.shape == (7, shape.outputs)
    outputs.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_without_categories_and_waves_it_is_the_plain_perceptron() -> None:
    hyperparameters = TabularHyperparameters(depth=3, batch_norm=True)
    torch.manual_seed(0)
    model = build_tabular(hyperparameters, Shape((5,), 1))
    torch.manual_seed(0)
    plain = build_mlp(hyperparameters, Shape((5,), 1))
    assert can_stack(model)
    assert str(model) == str(plain)
    pairs = zip(model.parameters(), plain.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert not can_stack(build_tabular(hyperparameters, WITH))


def test_each_code_has_a_vector_of_its_own() -> None:
    torch.manual_seed(0)
    model = build_tabular(TabularHyperparameters(), WITH)
    rows = torch.zeros(9, 5)
    rows[:, 4] = torch.arange(9)
    assert len(model(rows).unique(dim=0)) == 9
