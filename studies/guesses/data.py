"""Data that no case of tuner's is tuned on, each as a case of the door that it would come through.

Pictures are 32 pixels a side, and are trained for 40 epochs at most; tables have 1,000 rows at
most, sets of pictures 120.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.io import loadmat
from sklearn import datasets
from torch.nn import functional

from tuner.case.contract import Case
from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples
from tuner.data.images import read_image
from tuner.data.sources import digits, drawn
from tuner.data.sources.flowers102 import IMAGENET, IMAGES, LABELS, PARTS
from tuner.data.splits import KFold
from tuner.models.cnn import augment_photos
from tuner.models.photos import build_photo_cnn
from tuner.own.images.space import Scale
from tuner.own.table.given import Given
from tuner.own.table.space import settle

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDS = 4
SIDE, EPOCHS, ROWS = 32, 40, 1_000
# Twenty of the 97 labels of Flowers-102 that the case `flowers` does not have, drawn with the seed
# 23, five for each of four data sets.
SHIPPED = (50, 76, 45, 72, 88)
OTHERS = [label for label in range(102) if label not in SHIPPED]
DRAWN = np.random.default_rng(23).choice(OTHERS, 20, replace=False).reshape(4, 5).tolist()


def table(
    name: str, rows: Any, targets: Any, classes: tuple[str, ...] = ()
) -> tuple[Case, Dataset]:
    """A table of numbers, the first rows of it in an order drawn at random."""
    order = np.random.default_rng(0).permutation(len(rows))[:ROWS]
    features = torch.from_numpy(np.asarray(rows, dtype=np.float32)[order])
    if classes:
        wanted = torch.from_numpy(np.asarray(targets)[order]).long()
    else:
        numbers = torch.from_numpy(np.asarray(targets, dtype=np.float32)[order])
        wanted = ((numbers - numbers.mean()) / numbers.std()).view(-1, 1)
    examples = Examples(features=features, targets=wanted)
    data = make_dataset(
        name=name,
        source=name,
        development=examples,
        test=examples,  # never opened: folds that the choice does not see are the truth
        validation=KFold(FOLDS),
        classes=classes,
        columns=tuple(f"x{place}" for place in range(features.shape[1])),
    )
    return settle(Given(data=Path(name), target="y"), data), data


def pictures(name: str, examples: Examples, made: Dataset, rows: int = 120) -> tuple[Case, Dataset]:
    """Images, as the door of pictures takes them, with fewer epochs."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(examples)))[:rows]
    small = functional.interpolate(
        examples.features[order].float(), size=(SIDE, SIDE), mode="bilinear", antialias=True
    )
    chosen = Examples(features=small.round().to(torch.uint8), targets=examples.targets[order])
    data = make_dataset(
        name=name,
        source=name,
        development=chosen,
        test=chosen,
        validation=KFold(FOLDS),
        classes=made.classes,
        pixels=made.pixels,
    )
    scale = Scale.of(data)
    scale = replace(scale, epochs=min(scale.epochs, EPOCHS))
    case = Case(
        name=name,
        task="classification",
        baseline=scale.baseline,
        recipe=scale.recipe,
        suggest=scale.suggest,
        load=lambda _: data,
        build=build_photo_cnn,
        augment=augment_photos,
    )
    return case, data


def flowers(folder: Path, labels: list[int]) -> tuple[Case, Dataset]:
    """Five other classes of Flowers-102: the official train and val images, 100 of them."""
    root = folder.parent
    known = loadmat(root / LABELS)["labels"].ravel() - 1
    parts = loadmat(root / PARTS)
    numbers = np.concatenate([parts[part].ravel() for part in ("trnid", "valid")])
    chosen = [number for number in numbers.tolist() if known[number - 1] in labels]
    images = [
        read_image(root / IMAGES / f"image_{number:05d}.jpg", (3, 64, 64)) for number in chosen
    ]
    targets = torch.tensor([labels.index(int(known[number - 1])) for number in chosen])
    examples = Examples(features=torch.stack(images), targets=targets)
    kinds = tuple(map(str, labels))
    made = make_dataset(
        name="flowers",
        source="flowers",
        development=examples,
        test=examples,
        validation=KFold(FOLDS),
        classes=kinds,
        pixels=IMAGENET,
    )
    return pictures(f"flowers-{'-'.join(kinds)}", examples, made)


def california(folder: Path) -> tuple[Case, Dataset]:
    """California housing: eight numbers of a district; where it lies in words is left out."""
    file = folder / "california_housing.csv"
    header = file.read_text(encoding="utf-8").splitlines()[0].split(",")
    kept = [place for place, name in enumerate(header) if name != "ocean_proximity"]
    rows = np.genfromtxt(file, delimiter=",", skip_header=1, usecols=kept)
    rows = rows[~np.isnan(rows).any(axis=1)]
    target = [header[place] for place in kept].index("median_house_value")
    return table("california", np.delete(rows, target, axis=1), rows[:, target])


def of_sklearn(name: str) -> tuple[Case, Dataset]:
    """A table of scikit-learn's."""
    found = getattr(datasets, f"load_{name}")()
    kinds = tuple(map(str, getattr(found, "target_names", ()))) if name != "diabetes" else ()
    return table(name, found.data, found.target, kinds)


def pictures_of(make: Callable[[], Dataset]) -> tuple[Case, Dataset]:
    """A stand-in of tuner's own: handwritten digits, or drawn flowers."""
    made = make()
    return pictures(f"{made.name}-pictures", made.development, made)


def all_data(folder: Path) -> dict[str, Callable[[], tuple[Case, Dataset]]]:
    """How to make each data set, by name.

    Args:
        folder: with `flowers-102` and `california_housing`.
    """
    return {
        "wine": lambda: of_sklearn("wine"),
        "breast_cancer": lambda: of_sklearn("breast_cancer"),
        "diabetes": lambda: of_sklearn("diabetes"),
        "digits": lambda: of_sklearn("digits"),
        "california": lambda: california(folder / "california_housing"),
        "digits-pictures": lambda: pictures_of(digits.make),
        "flowers-drawn-pictures": lambda: pictures_of(drawn.make),
        "flowers-a": lambda: flowers(folder / "flowers-102", DRAWN[0]),
        "flowers-b": lambda: flowers(folder / "flowers-102", DRAWN[1]),
        "flowers-c": lambda: flowers(folder / "flowers-102", DRAWN[2]),
        "flowers-d": lambda: flowers(folder / "flowers-102", DRAWN[3]),
    }
