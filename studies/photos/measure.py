"""What helps a small network that has 100 photos, measured on classes that `flowers` does not have.

    python studies/photos/measure.py --data-dir DIR --out studies/photos/trained.csv

`screen`: 32 trainings, of which each differs from the others in half of 15 changes, so that every
change is measured on all of them (a fractional factorial of resolution IV: no change is mixed up
with a pair of others). `paired`: one change at a time on the same sets and seeds, of which only
some were trained so far. Continues where it was. `table.py` reads the file.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lab import Recipe, changed, resumed, train
from scipy.linalg import hadamard

if TYPE_CHECKING:
    from collections.abc import Iterator

SCREENED: dict[str, dict[str, Any]] = {
    "the middle of the photo": {"middle": True},
    "resized crops": {"resized_crop": True},
    "saturation and hue": {"saturation": 0.4, "hue": 0.05},
    "erasing": {"erase": 0.5},
    "cutmix": {"mix": "cutmix"},
    "weight decay 0.5": {"weight_decay": 0.5},
    "no dropout": {"dropout": 0.0},
    "no label smoothing": {"label_smoothing": 0.0},
    "learning rate 8e-3": {"learning_rate": 8e-3},
    "batches of 16": {"batch_size": 16},
    "average and largest": {"head": "both"},
    "augmentation 0.8": {"augmentation": 0.8},
    "SiLU": {"silu": True},
    "5 blocks": {"depth": 5},
    "48 pixels in training": {"crop": 48},
}
BETTER = {"middle": True, "head": "both"}
PAIRED: dict[str, dict[str, Any]] = {
    "reference": {},
    "as it was": {"middle": False, "head": "average"},
    "weight decay 0.5": {"weight_decay": 0.5},
    "mixup and cutmix": {"mix": "both"},
    "the whole photo": {"middle": False},
    "batches of 4": {"batch_size": 4},
    "stride 2, width 24": {"stride": True, "width": 24},
    "augmentation 0.8": {"augmentation": 0.8},
    "width 24": {"width": 24},
    "average": {"head": "average"},
    "3 blocks, width 24": {"depth": 3, "width": 24},
    "largest": {"head": "max"},
    "residual": {"residual": True},
    "two networks": {"networks": 2},
    "160 epochs": {"epochs": 160},
}
BLOCKS = 5  # of which the first alone has all changes
FIELDS = ("part", "name", "set", "seed", "seconds", "scores", "recipe")


def trainings() -> Iterator[tuple[str, str, Recipe, int, int]]:
    """Yield part, name, recipe, set and seed of each training."""
    design = hadamard(32)
    columns = [column for column in range(32) if column.bit_count() % 2]
    order = list(range(32))
    np.random.default_rng(0).shuffle(order)
    for number, row in enumerate(order):
        taken: dict[str, Any] = {}
        for change, column in zip(SCREENED.values(), columns, strict=False):
            taken |= change if design[row, column] < 0 else {}
        yield "screen", f"row {row}", changed(**taken), number % 4, number
    for block in range(BLOCKS):
        for name, change in PAIRED.items():
            yield "paired", name, changed(**{**BETTER, **change}), block, 100 + block


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with resumed(arguments.out, FIELDS, 4) as (done, write):
        for part, name, recipe, place, seed in trainings():
            if (part, name, str(place), str(seed)) in done:
                continue
            found, seconds = train(recipe, arguments.data_dir, place, seed)
            rounded = {way: round(score, 2) for way, score in found.items()}
            differs = {k: v for k, v in asdict(recipe).items() if v != asdict(Recipe())[k]}
            write(part, name, place, seed, f"{seconds:.1f}", rounded, differs)


if __name__ == "__main__":
    main()
