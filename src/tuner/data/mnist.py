"""MNIST (LeCun, Cortes and Burges), from its four IDX files, read by torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchvision.datasets import MNIST

from tuner.data.dataset import Dataset, Examples, PixelStatistics, make_dataset
from tuner.data.splits import Holdout
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = {"train": 60_000, "t10k": 10_000}
# The header and payload of each IDX file, in bytes (http://yann.lecun.com/exdb/mnist).
SIZES = {
    f"MNIST/raw/{part}-{kind}-ubyte": header + rows * size
    for part, rows in ROWS.items()
    for kind, header, size in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1))
}
FILES = tuple(SIZES)
PIXELS = PixelStatistics(mean=(0.1307,), std=(0.3081,))


def read(folder: Path) -> Dataset:
    """Read MNIST from a data folder: 60,000 rows to develop on, 10,000 to test.

    Raises:
        DataError: a file is cut short or is not what its name says; it is named.
    """
    for name, size in SIZES.items():
        found = (folder / name).stat().st_size
        if found != size:
            raise DataError(
                f"{folder / name} has {found} bytes and should have {size}; it is cut short or "
                "another file: replace it"
            )
    return make_dataset(
        name="mnist",
        source="MNIST, 60,000 images to develop on and 10,000 to test",
        development=_part(folder, train=True),
        test=_part(folder, train=False),
        validation=Holdout(5000),
        classes=tuple("0123456789"),
        pixels=PIXELS,
    )


def download(folder: Path) -> None:
    """Fetch MNIST into an empty data folder."""
    MNIST(folder, download=True)


def _part(folder: Path, *, train: bool) -> Examples:
    try:
        part = MNIST(folder, train=train)
    except (ValueError, RuntimeError, AssertionError, OSError) as error:
        raise DataError(
            f"the MNIST files in {folder / 'MNIST' / 'raw'} are damaged ({error}); replace them"
        ) from error
    images, labels = part.data, part.targets
    if int(labels.max()) > 9:
        raise DataError(f"the label files in {folder / 'MNIST' / 'raw'} hold labels over 9")
    return Examples(features=images.unsqueeze(1).contiguous(), targets=labels.long())
