from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.data.examples import PixelStatistics
from tuner.data.scaling import Scaler, remarks


def test_columns_get_mean_zero_and_deviation_one() -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(200, 3, generator=random) * torch.tensor([1.0, 50.0, 1e-3]) + 7
    scaled = Scaler.fit(rows)(rows)
    assert torch.allclose(scaled.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(scaled.std(0, correction=0), torch.ones(3), atol=1e-3)


@settings(max_examples=50)
@given(
    value=st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    rows=st.integers(1, 300),
    features=st.integers(1, 4),
)
def test_a_constant_column_is_left_at_its_scale(value: float, rows: int, features: int) -> None:
    scaler = Scaler.fit(torch.full((rows, features), value))
    assert torch.equal(scaler.std, torch.ones(features))
    tolerance = 1e-6 * max(1.0, abs(value))
    assert bool((scaler(torch.full((1, features), value)).abs() <= tolerance).all())


@settings(max_examples=50)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=30))
def test_undo_gives_the_values_back(values: list[float]) -> None:
    rows = torch.tensor(values).view(-1, 1)
    scaler = Scaler.fit(rows)
    spread = float(rows.abs().max()) or 1.0
    assert torch.allclose(scaler.undo(scaler(rows)), rows, rtol=1e-4, atol=1e-5 * spread)


def test_pixels_are_scaled_by_channel() -> None:
    scaler = Scaler.for_pixels(PixelStatistics(mean=(0.5, 0.0), std=(0.25, 1.0)))
    images = torch.tensor([0, 255], dtype=torch.uint8).view(1, 2, 1, 1).expand(3, 2, 4, 4)
    scaled = scaler(images)
    assert scaled.dtype == torch.float32
    assert torch.allclose(scaled[:, 0], torch.full((3, 4, 4), -2.0))
    assert torch.allclose(scaled[:, 1], torch.ones(3, 4, 4))


def test_classes_stay_as_they_are() -> None:
    assert Scaler.identity()(torch.tensor([0, 3, 1])).tolist() == [0, 3, 1]


UNIX = 1.7e9


def times(rows: int = 200, spread: float = 1.0) -> torch.Tensor:
    """Return Unix times within some minutes, in seconds, as float64."""
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(rows, 1, generator=random, dtype=torch.float64)
    return UNIX + spread * noise


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e4])
def test_numbers_far_from_zero_keep_their_digits_in_float64(spread: float) -> None:
    rows = times(spread=spread)
    scaled = Scaler.fit(rows)(rows)
    expected = (rows - rows.mean()) / rows.std(correction=0)
    assert scaled.dtype == torch.float32
    assert torch.allclose(scaled.double(), expected, atol=1e-3)
    assert torch.allclose(Scaler.fit(rows).undo(scaled), rows, rtol=0, atol=1e-6 * spread)


def test_float32_that_still_has_its_digits_is_scaled_in_float64_when_far_from_zero() -> None:
    rows = times(spread=1e5).float()  # a day: float32 keeps steps of 128 s
    scaled = Scaler.fit(rows)(rows).double()
    expected = (rows.double() - rows.double().mean()) / rows.double().std(correction=0)
    assert torch.allclose(scaled, expected, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 120, 1001])
@pytest.mark.parametrize("value", [UNIX, 16777217.0, 0.1, -3e38, 1e-40])
def test_a_constant_column_becomes_nothing(value: float, rows: int) -> None:
    column = torch.full((rows, 1), value)
    assert not Scaler.fit(column)(column).any()


def test_near_zero_float32_is_scaled_as_ever() -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(100, 3, generator=random) * 5 + 7
    scaler = Scaler.fit(rows)
    assert scaler.mean.dtype == scaler.std.dtype == torch.float32
    assert torch.equal(scaler.mean, rows.mean(dim=0))
    assert torch.equal(scaler.std, rows.std(dim=0, correction=0))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (times().float(), ["numbers near 1.7e.09.*lost.*torch.float64"]),
        (times(spread=1e3).float(), ["numbers near 1.7e.09"]),
        (times(), []),
        (times(spread=1e6).float(), []),
        (torch.full((200, 1), 3.0), []),  # findings.py names a constant column
        (torch.arange(200.0).view(-1, 1), []),
        (torch.arange(200.0).view(-1, 1) % 2, []),
    ],
)
def test_what_is_said_of_a_column(column: torch.Tensor, said: list[str]) -> None:
    features = torch.cat([torch.randn(200, 1, dtype=column.dtype), column], dim=1)
    found = remarks(features, ["plain", "when"])
    assert len(found) == len(said)
    for remark, pattern in zip(found, said, strict=True):
        assert re.match(f"Column 'when' .*{pattern}", remark)
