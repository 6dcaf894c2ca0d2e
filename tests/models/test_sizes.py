"""The number of parameters of the shipped models; the baselines match the user's exactly."""

from __future__ import annotations

import pytest

from tuner.case.contract import Shape
from tuner.case.loading import load_case

SHAPES = {
    "mnist": Shape((1, 28, 28), 10),
    "flowers": Shape((3, 64, 64), 5),
    "housing": Shape((10,), 1),
}


def convolution(channels: int, width: int) -> int:
    return 3 * 3 * channels * width + width


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def norm(width: int) -> int:
    return 2 * width


# BatchNorm replaces a bias. Without padding, a convolution removes two rows and columns, and a
# pooling halves the rest: 28 -> 26 -> 13 -> 11 -> 5, and 64 -> 62 -> 31 -> 29 -> 14 -> 12 -> 6.
SIZES = {
    ("mnist", "baseline"): convolution(1, 32)
    + convolution(32, 64)
    + linear(5 * 5 * 64, 128)
    + linear(128, 10),
    ("mnist", "recipe"): convolution(1, 32)
    + convolution(32, 64)
    + linear(5 * 5 * 64, 128)
    + linear(128, 10),
    ("flowers", "baseline"): convolution(3, 16)
    + convolution(16, 32)
    + linear(14 * 14 * 32, 64)
    + linear(64, 5),
    ("flowers", "recipe"): 3 * 3 * (3 * 32 + 32 * 64 + 64 * 128)
    + 6 * 6 * 128 * 256
    + norm(32 + 64 + 128 + 256)
    + linear(256, 5),
    ("housing", "baseline"): linear(10, 32) + linear(32, 1),
    ("housing", "recipe"): linear(10, 64) + norm(64) + linear(64, 32) + norm(32) + linear(32, 1),
}


@pytest.mark.parametrize(("name", "arm"), SIZES)
def test_a_model_has_the_parameters_of_its_description(name: str, arm: str) -> None:
    case = load_case(name)
    network = case.build(getattr(case, arm), SHAPES[name])
    assert sum(weight.numel() for weight in network.parameters()) == SIZES[name, arm]
