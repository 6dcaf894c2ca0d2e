"""MNIST (LeCun, Cortes and Burges), from its four IDX files, read by torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchvision.datasets import MNIST
from torchvision.datasets.mnist import read_image_file, read_label_file

from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.images import read_image
from tuner.data.sources.downloading import network
from tuner.data.splits import Holdout
from tuner.errors import DataError
from tuner.files import sha256_of_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

# Size in bytes and SHA-256 of each file, as published.
PUBLISHED = {
    "MNIST/raw/train-images-idx3-ubyte": (
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "MNIST/raw/train-labels-idx1-ubyte": (
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "MNIST/raw/t10k-images-idx3-ubyte": (
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "MNIST/raw/t10k-labels-idx1-ubyte": (
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
FILES = tuple(PUBLISHED)
SHAPE = (1, 28, 28)
PIXELS = PixelStatistics(mean=(0.1307,), std=(0.3081,))


def read(folder: Path) -> Dataset:
    """Read MNIST from a data folder: 60,000 development rows, 10,000 test rows.

    Raises:
        DataError: a file is cut short or not the published one; the message names it.
    """
    for name, (size, sha256) in PUBLISHED.items():
        _verify(folder / name, size, sha256)
    return make_dataset(
        name="mnist",
        source="MNIST, 60,000 images to develop on and 10,000 to test",
        development=_part(folder, "train"),
        test=_part(folder, "t10k"),
        validation=Holdout(5000),
        classes=tuple("0123456789"),
        pixels=PIXELS,
    )


def read_digit(path: Path) -> Tensor:
    """Read a picture of one digit, light on dark as in MNIST: (1, 28, 28) uint8.

    Raises:
        DataError: it cannot be read; the message names it.
    """
    return read_image(path, SHAPE)


def download(folder: Path) -> None:
    """Download MNIST into an empty data folder."""
    with network(MNIST.mirrors[0]):
        MNIST(folder, download=True)


def _verify(path: Path, size: int, sha256: str) -> None:
    try:
        found = path.stat().st_size
        same = found == size and sha256_of_file(path) == sha256
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not same:
        raise DataError(
            f"{path} is damaged or not the published file: it has {found} bytes of {size}"
            f"{', and its SHA-256 differs' if found == size else ''}; replace it"
        )


def _part(folder: Path, part: str) -> Examples:
    # Not the class MNIST, which prefers its old folder `processed` if that exists.
    raw = folder / "MNIST" / "raw"
    images = read_image_file(str(raw / f"{part}-images-idx3-ubyte"))
    labels = read_label_file(str(raw / f"{part}-labels-idx1-ubyte"))
    return Examples(features=images.unsqueeze(1).contiguous(), targets=labels)
