"""A user's case of images: small stamps, each mostly of one colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tuner import (
    Case,
    CNNHyperparameters,
    Dataset,
    Examples,
    Holdout,
    PixelStatistics,
    build_cnn,
    make_dataset,
    read_image,
)

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import BaseTrial
    from torch import Tensor

    from tuner import Folders

COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, slots=True, kw_only=True)
class StampHyperparameters(CNNHyperparameters):
    """The defaults are the baseline."""

    depth: int = 1
    width: int = 4
    hidden: int = 0
    head: str = "average"
    batch_size: int = 8
    epochs: int = 12
    learning_rate: float = 3e-2


def suggest(trial: BaseTrial) -> StampHyperparameters:
    """Draw from the search space."""
    return StampHyperparameters(
        width=trial.suggest_int("width", 2, 8),
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
    )


def stamps(count: int, seed: int) -> Examples:
    """Noise, with the channel of the class brighter than the others."""
    random = torch.Generator().manual_seed(seed)
    targets = torch.arange(count) % len(COLOURS)
    images = torch.randint(0, 100, (count, 3, 6, 8), generator=random)
    images[torch.arange(count), targets] += 120
    return Examples(features=images.to(torch.uint8), targets=targets)


def load(folders: Folders) -> Dataset:
    """Make the data."""
    del folders
    return make_dataset(
        name="stamps",
        source="coloured noise",
        development=stamps(60, 0),
        test=stamps(30, 1),
        validation=Holdout(15),
        classes=COLOURS,
        pixels=PixelStatistics(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    )


def read(path: Path) -> Tensor:
    """Read one stamp."""
    return read_image(path, (3, 6, 8))


CASE = Case(
    name="stamps",
    task="classification",
    baseline=StampHyperparameters(),
    recipe=StampHyperparameters(width=8, batch_norm=True),
    suggest=suggest,
    load=load,
    build=build_cnn,
    read=read,
)
