"""scikit-learn's handwritten digits, scaled up to 28x28: real data without a network."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.mnist import PIXELS
from tuner.data.splits import Holdout

BRIGHTEST = 16  # value of the original's pixels
SIZE = (28, 28)


def make() -> Dataset:
    """Make the stand-in for MNIST: 1,437 rows to develop on, 360 to test."""
    digits = load_digits()
    small = (digits.images * (255 / BRIGHTEST)).round().astype(np.uint8)
    # Pillow scales bytes with integers, so every machine gets the same ones.
    large = [Image.fromarray(rows).resize(SIZE, Image.Resampling.BILINEAR) for rows in small]
    images = torch.from_numpy(np.stack([np.asarray(image) for image in large])).unsqueeze(1)
    targets = torch.from_numpy(digits.target).long()
    parts = train_test_split(
        torch.arange(len(targets)).numpy(), test_size=0.2, random_state=0, stratify=digits.target
    )
    development, test = (
        Examples(features=images[rows], targets=targets[rows])
        for rows in map(torch.from_numpy, parts)
    )
    return make_dataset(
        name="mnist-digits",
        source="scikit-learn's handwritten digits (UCI), 1,797 images of 8x8 scaled up to 28x28, "
        "because MNIST is not here and could not be downloaded",
        development=development,
        test=test,
        validation=Holdout(287),
        classes=tuple("0123456789"),
        pixels=PIXELS,
        stands_in_for="mnist",
    )
