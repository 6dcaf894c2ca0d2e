"""Small pictures for tests: different noise in each, brighter in the channel of its class."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SIDE = 12


def draw(path: Path, seed: int, channel: int = 0, side: int = SIDE) -> Path:
    """Write one picture file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 150, (side, side, 3), dtype=np.uint8)
    pixels[..., channel] += 100
    Image.fromarray(pixels).save(path)
    return path


def photos(root: Path, classes: Sequence[str] = ("cat", "dog"), each: int = 6) -> Path:
    """Write a folder with one folder per class."""
    for place, name in enumerate(classes):
        for number in range(each):
            draw(root / name / f"{number}.png", hash_of(root.name, name, number), place % 3)
    return root


def hash_of(*parts: object) -> int:
    """Return a seed for each picture, the same in every run."""
    text = "/".join(map(str, parts))
    return int.from_bytes(text.encode()[-7:], "big")


def sheet(path: Path, rows: Iterable[Sequence[object]], separator: str = ",") -> Path:
    """Write a CSV file with these rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    return path


def listed(
    root: Path, targets: Sequence[object] = ("cat", "dog"), each: int = 6
) -> list[list[object]]:
    """Write pictures into a folder, and a CSV that lists them, each with a patient."""
    rows: list[list[object]] = [["file", "label", "patient"]]
    for number in range(each * len(targets)):
        name = f"{number}.png"
        draw(root / name, hash_of("listed", number), number % 2)
        rows.append([name, targets[number % len(targets)], f"p{number // 2}"])
    return rows


def weights(path: Path, name: str = "resnet18") -> Path:
    """Write untrained weights of a backbone."""
    from torchvision.models import get_model  # takes two seconds

    torch.manual_seed(0)
    torch.save(get_model(name, weights=None).state_dict(), path)
    return path
