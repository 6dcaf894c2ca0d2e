"""The five largest classes of Oxford Flowers-102 (Nilsback and Zisserman 2008), at 64x64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.io import loadmat
from torchvision.datasets import Flowers102

from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.images import read_image
from tuner.data.sources.downloading import network
from tuner.data.splits import KFold
from tuner.errors import DataError
from tuner.files import sha256_of_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

LABELS, PARTS, IMAGES = "flowers-102/imagelabels.mat", "flowers-102/setid.mat", "flowers-102/jpg"
FILES = (LABELS, PARTS, IMAGES)
PUBLISHED = {  # SHA-256
    LABELS: "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
    PARTS: "46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
}
SERVER = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
# By torchvision's labels, counted from 0.
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
    """Read the five classes: the official train and val images for development, test for the test.

    Raises:
        DataError: a file is missing, cut short or damaged; the message names it.
    """
    return make_dataset(
        name="flowers",
        source="Oxford Flowers-102, its five largest classes at 64x64: the official train and val "
        "images to develop on, the official test images to test",
        development=_examples(folder, ("trnid", "valid")),
        test=_examples(folder, ("tstid",)),
        validation=KFold(5),
        classes=tuple(CLASSES.values()),
        pixels=IMAGENET,
    )


def read_photo(path: Path) -> Tensor:
    """Read one photo in the same way as the data set: (3, 64, 64) uint8.

    Raises:
        DataError: it cannot be read; the message names it.
    """
    return read_image(path, SHAPE)


def download(folder: Path) -> None:
    """Download Flowers-102 into an empty data folder."""
    with network(SERVER):
        Flowers102(folder, download=True)
    (folder / "flowers-102" / "102flowers.tgz").unlink(missing_ok=True)  # 345 MB, already unpacked


def _examples(folder: Path, parts: tuple[str, ...]) -> Examples:
    """Read the images of the five classes in these official `parts`."""
    # Published numbers of images and labels start at 1.
    labels = _published(folder / LABELS)["labels"].ravel() - 1
    numbers = [_published(folder / PARTS)[part].ravel() for part in parts]
    places = {label: place for place, label in enumerate(CLASSES)}
    chosen = [
        (number, places[labels[number - 1]])
        for number in np.concatenate(numbers).tolist()
        if labels[number - 1] in places
    ]
    images = [read_photo(folder / IMAGES / f"image_{n:05d}.jpg") for n, _ in chosen]
    return Examples(
        features=torch.stack(images), targets=torch.tensor([place for _, place in chosen])
    )


def _published(path: Path) -> dict[str, np.ndarray]:
    """Read a .mat file after checking that it is the published one."""
    name = f"{path.parent.name}/{path.name}"
    try:
        same = sha256_of_file(path) == PUBLISHED[name]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not same:
        raise DataError(
            f"{path} is damaged or not the published file (its SHA-256 differs); replace it"
        )
    return loadmat(path)
