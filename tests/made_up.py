"""A few random rows for each shipped case, for one of a user, and for those of doors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tests.making import TINY
from tuner.case.loading import case_names, load_case
from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.splits import KFold

if TYPE_CHECKING:
    from tuner.case.contract import Case

# Cases of a door, before it has data.
PICTURES, FEATURES = "images --data photos", "images --data photos --backbone resnet18"
CASES = [*case_names(), TINY, PICTURES, FEATURES]
SHAPES = {
    "mnist": (1, 28, 28),
    "flowers": (3, 64, 64),
    "housing": (10,),
    TINY: (2,),
    PICTURES: (3, 32, 32),
    FEATURES: (6,),
}


def examples(case: Case, shape: tuple[int, ...], rows: int, seed: int) -> Examples:
    random = torch.Generator().manual_seed(seed)
    if case.task == "classification":
        targets = torch.arange(rows) % 2
    else:
        targets = torch.randn(rows, 1, generator=random)
    if len(shape) == 3:
        features = torch.randint(0, 256, (rows, *shape), generator=random, dtype=torch.uint8)
    else:
        features = torch.randn(rows, *shape, generator=random)
    return Examples(features=features, targets=targets)


def made_up(reference: str, rows: int = 12) -> Dataset:
    """A few random rows of the case's shape."""
    case, shape = load_case(reference), SHAPES[reference]
    images = len(shape) == 3
    return make_dataset(
        name="made up",
        source="random numbers",
        development=examples(case, shape, rows, 0),
        test=examples(case, shape, 4, 1),
        validation=KFold(2),
        classes=("a", "b") if case.task == "classification" else (),
        columns=() if images else tuple(f"column {n}" for n in range(shape[0])),
        pixels=PixelStatistics(mean=(0.5,) * shape[0], std=(0.2,) * shape[0]) if images else None,
    )
