"""MNIST with a tenth of its training images: a race of `mnist` that ends within 20 minutes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tuner.cases import mnist
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.splits import Holdout

if TYPE_CHECKING:
    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders

DEVELOPMENT, HELD_OUT, TEST = 6_000, 500, 1_000


def load(folders: Folders) -> Dataset:
    """Take the first of the rows that `mnist` develops on; those after them are the test."""
    whole = mnist.load(folders)
    rows = whole.development
    images, digits = (
        part.split((DEVELOPMENT, TEST, len(rows) - DEVELOPMENT - TEST))
        for part in (rows.features, rows.targets)
    )
    return make_dataset(
        name="mnist-tenth",
        source=f"the first {DEVELOPMENT:,} training images of MNIST, and {TEST:,} more to test on",
        development=Examples(features=images[0], targets=digits[0]),
        test=Examples(features=images[1], targets=digits[1]),
        validation=Holdout(HELD_OUT),
        classes=whole.classes,
        pixels=whole.pixels,
    )


CASE = replace(mnist.CASE, name="mnist-tenth", load=load)
