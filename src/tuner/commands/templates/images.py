"""Your own pictures: one folder per class, a small network, and what to try.

It runs as it is, on drawn pictures:

    tuner study FILE --trials 10

For your own, give a folder that has one folder of pictures for each class:

    tuner study FILE --data-dir photos/ --trials 50
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from sklearn.model_selection import train_test_split

from tuner import (
    Case,
    CNNHyperparameters,
    Examples,
    KFold,
    PixelStatistics,
    build_cnn,
    make_dataset,
    move,
    read_image,
)

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import BaseTrial
    from torch import Generator, Tensor

    from tuner import Dataset, Folders

NAME = "template"
SHAPE = (3, 24, 24)  # HERE: colours, height and width to which every picture is resized
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


# The defaults are the baseline: what you use today, and what the search has to beat.
@dataclass(frozen=True, slots=True, kw_only=True)
class Mine(CNNHyperparameters):
    """HERE: today's values."""

    width: int = 8
    batch_size: int = 16
    epochs: int = 6
    augmentation: float = 0.0  # how much pictures are changed in training: 0 (not at all) to 1


# The search space, in plain Optuna. Fields that are not drawn keep their default.
def suggest(trial: BaseTrial) -> Mine:
    """HERE: which hyperparameters vary, and in which ranges."""
    return Mine(
        width=trial.suggest_int("width", 4, 16),
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        augmentation=trial.suggest_float("augmentation", 0.0, 1.0),
    )


def read(path: Path) -> Tensor:
    """Read one picture, for training and for `tuner predict` alike."""
    return read_image(path, SHAPE)


def pictures_in(folder: Path) -> tuple[list[str], list[Tensor], list[int]]:
    """Return the names of the classes, the pictures, and the class number of each picture."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    found = [
        (read(file), place)
        for place, name in enumerate(classes)
        for file in sorted((folder / name).iterdir())
        if file.suffix.lower() in PICTURES
    ]
    return classes, [picture for picture, _ in found], [place for _, place in found]


def drawn() -> tuple[list[str], list[Tensor], list[int]]:
    """Return drawn pictures: horizontal or vertical bars, in noise."""
    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 90, (160, *SHAPE), generator=random, dtype=torch.uint8)
    places = torch.randint(4, 18, (160,), generator=random).tolist()
    for number, place in enumerate(places):
        across = pictures[number] if number % 2 else pictures[number].transpose(1, 2)
        across[:, place : place + 2] += 120
    return ["standing", "lying"], list(pictures), [number % 2 for number in range(160)]


# Development pictures are split into folds for the search; test pictures are used at the end only.
def load(folders: Folders) -> Dataset:
    """HERE: where the pictures are, and which pictures are for the test."""
    classes, pictures, places = pictures_in(folders.given) if folders.given else drawn()
    images, targets = torch.stack(pictures), torch.tensor(places)
    numbers = torch.arange(len(targets))
    development, test = train_test_split(numbers, test_size=0.25, random_state=0, stratify=targets)
    return make_dataset(
        name=NAME,
        source=str(folders.given or "drawn bars"),
        development=Examples(features=images[development], targets=targets[development]),
        test=Examples(features=images[test], targets=targets[test]),
        validation=KFold(3),
        classes=tuple(classes),
        pixels=PixelStatistics(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    )


# A random change of each batch in training. Features are (N, C, H, W), scaled.
def augment(images: Tensor, hyperparameters: Mine, random: Generator) -> Tensor:
    """HERE: changes that do not change the class of a picture."""
    strength = hyperparameters.augmentation
    return move(images, strength, random, degrees=10, shift=0.1, scale=0.1)


CASE = Case(
    name=NAME,
    task="classification",
    baseline=Mine(),
    recipe=Mine(batch_norm=True, dropout=0.3),  # what a textbook would change by hand
    suggest=suggest,
    load=load,
    build=build_cnn,
    augment=augment,
    read=read,
)
