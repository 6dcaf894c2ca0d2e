from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.data.examples import PixelStatistics
from tuner.data.scaling import Scaler


def test_columns_get_mean_zero_and_deviation_one() -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(200, 3, generator=random) * torch.tensor([1.0, 50.0, 1e-3]) + 7
    scaled = Scaler.fit(rows)(rows)
    assert torch.allclose(scaled.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(scaled.std(0, correction=0), torch.ones(3), atol=1e-3)


@settings(deadline=None, max_examples=50)
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


@settings(deadline=None, max_examples=50)
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
