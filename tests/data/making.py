"""Small data sets that several tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.splits import KFold

if TYPE_CHECKING:
    from tuner.data.splits import Holdout

PIXELS = PixelStatistics(mean=(0.5,), std=(0.25,))


def make_examples(rows: int, classes: int = 2, seed: int = 0) -> Examples:
    """Noise images of 4x4 pixels, with alternating classes."""
    random = torch.Generator().manual_seed(seed)
    features = torch.randint(0, 256, (rows, 1, 4, 4), generator=random, dtype=torch.uint8)
    return Examples(features=features, targets=torch.arange(rows) % classes)


def make_small(
    name: str = "small",
    rows: int = 10,
    pixels: PixelStatistics | None = PIXELS,
    validation: Holdout | KFold | None = None,
) -> Dataset:
    """A data set of two classes."""
    return make_dataset(
        name=name,
        source="a test",
        development=make_examples(rows),
        test=make_examples(4, seed=1),
        validation=validation or KFold(2),
        classes=("even", "odd"),
        pixels=pixels,
    )


def opened(dataset: Dataset) -> Examples:
    """Return the test examples, without a record of the opening."""
    return dataset.test.open(lambda: None)
