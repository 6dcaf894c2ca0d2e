"""The five largest classes of Oxford Flowers-102 (Nilsback and Zisserman 2008), at 64x64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torchvision.datasets import Flowers102

from tuner.data.dataset import Dataset, Examples, PixelStatistics, make_dataset
from tuner.data.images import read_image
from tuner.data.splits import KFold
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("flowers-102/imagelabels.mat", "flowers-102/setid.mat", "flowers-102/jpg")
# By torchvision's 0-based labels.
CLASSES = {
    50: "petunia",
    76: "passion flower",
    45: "wallflower",
    72: "water lily",
    88: "watercress",
}
SHAPE = (3, 64, 64)
IMAGENET = PixelStatistics(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def read(folder: Path) -> Dataset:
    """Read the five classes: the official train and val images to develop on, test to test.

    Raises:
        DataError: a file is missing, cut short or damaged; it is named.
    """
    return make_dataset(
        name="flowers",
        source="Oxford Flowers-102, its five largest classes at 64x64: the official train and val "
        "images to develop on, the official test images to test",
        development=_examples(folder, ("train", "val")),
        test=_examples(folder, ("test",)),
        validation=KFold(5),
        classes=tuple(CLASSES.values()),
        pixels=IMAGENET,
    )


def download(folder: Path) -> None:
    """Fetch Flowers-102 into an empty data folder."""
    Flowers102(folder, download=True)


def _examples(folder: Path, splits: tuple[str, ...]) -> Examples:
    places = {label: place for place, label in enumerate(CLASSES)}
    images, targets = [], []
    for split in splits:
        for path, label in _listing(folder, split):
            if label in places:
                images.append(read_image(path, SHAPE))
                targets.append(places[label])
    if not images:
        raise DataError(
            f"{folder / 'flowers-102'}: its {' and '.join(splits)} split holds none of the five "
            "classes; imagelabels.mat or setid.mat is not the published one: replace it"
        )
    return Examples(features=torch.stack(images), targets=torch.tensor(targets))


def _listing(folder: Path, split: str) -> list[tuple[Path, int]]:
    """Return files and 0-based labels of a split, as torchvision reads them from the .mat files."""
    try:
        listed = Flowers102(folder, split=split)
    except (RuntimeError, ValueError, KeyError, OSError, TypeError) as error:
        raise DataError(
            f"{folder / FILES[0]} or {folder / FILES[1]} is damaged or not the published file "
            f"({error}); replace both"
        ) from error
    return list(zip(listed._image_files, listed._labels, strict=True))
