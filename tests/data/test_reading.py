"""The way in which input files are read is measured, not assumed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from tests.making import STAMPS, TINY
from tuner import Dataset, Examples, Folders, Holdout, PixelStatistics, make_dataset, read_image
from tuner.case.loading import load_case
from tuner.data.reading import BY_CASE, BY_COLUMNS, READ_IMAGE, UNKNOWN, how_read, witnessed
from tuner.data.sources import flowers102
from tuner.data.tensors import row_digests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(8)]
    for seed, path in enumerate(paths):
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def whole(path: Path) -> Tensor:
    return read_image(path, (3, 6, 8))


def cropped(path: Path) -> Tensor:
    return read_image(path, (3, 12, 16))[:, 3:9, 4:12]


def by_hand(path: Path) -> Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image.resize((8, 6)))).permute(2, 0, 1)


@pytest.mark.parametrize(
    ("read", "said", "expected"),
    [
        (whole, False, READ_IMAGE),
        (cropped, False, UNKNOWN),
        (by_hand, False, UNKNOWN),
        (cropped, True, BY_CASE),
    ],
)
def test_a_load_is_watched(
    photos: list[Path], read: Callable[[Path], Tensor], said: bool, expected: str
) -> None:
    def load(_folders: Folders) -> Dataset:
        rows = Examples(
            features=torch.stack([read(path) for path in photos]), targets=torch.arange(8) % 3
        )
        return make_dataset(
            name="photos",
            source="a test",
            development=rows,
            test=rows,
            validation=Holdout(3),
            classes=("a", "b", "c"),
            pixels=PixelStatistics(mean=(0.5,) * 3, std=(0.25,) * 3),
        )

    case = replace(load_case(STAMPS), load=load, read=read if said else None)
    assert case.dataset(Folders()).reading == expected


def test_a_table_is_read_by_its_columns() -> None:
    assert load_case(TINY).dataset(Folders()).reading == BY_COLUMNS
    assert load_case("housing").dataset(Folders()).reading == BY_COLUMNS


def test_one_row_that_was_read_otherwise_is_enough(photos: list[Path]) -> None:
    with witnessed() as seen:
        rows = torch.stack([whole(path) for path in photos])
    assert how_read(rows, seen, own=False) == READ_IMAGE
    rows[3, 0, 0, 0] += 1
    assert how_read(rows, seen, own=False) == UNKNOWN


def test_witnesses_see_what_is_read_while_they_look(photos: list[Path]) -> None:
    with witnessed() as outer, witnessed() as inner:
        image = whole(photos[0])
    whole(photos[1])
    assert outer == inner == set(row_digests(image[None]))


def test_equal_rows_have_equal_digests() -> None:
    rows = torch.tensor([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0]])
    first, second, third = row_digests(rows)
    assert first == second != third
    assert row_digests(rows.double()) != [first, second, third]


@pytest.mark.slow
def test_flowers_are_read_for_prediction_as_they_were_for_training(real_data: Path) -> None:
    case = load_case("flowers")
    found = case.dataset(Folders(given=real_data))
    assert found.reading == BY_CASE
    assert case.read is not None
    number = flowers102._published(real_data / flowers102.PARTS)["trnid"].ravel()
    labels = flowers102._published(real_data / flowers102.LABELS)["labels"].ravel() - 1
    chosen = [n for n in number.tolist() if labels[n - 1] in flowers102.CLASSES]
    for row, n in enumerate(chosen):
        photo = real_data / flowers102.IMAGES / f"image_{n:05d}.jpg"
        assert torch.equal(case.read(photo), found.development.features[row])
