from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from scipy.io import loadmat
from torchvision.datasets import Flowers102

from tests.data.making import opened
from tuner.data.sources import flowers102
from tuner.data.splits import KFold
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.data.dataset import Dataset

MATS = (flowers102.LABELS, flowers102.PARTS)


@pytest.fixture(scope="module")
def real(real_data: Path) -> Dataset:
    if not all((real_data / name).exists() for name in flowers102.FILES):
        pytest.skip(f"no Flowers-102 in {real_data}")
    return flowers102.read(real_data)


@pytest.fixture
def linked(real: Dataset, real_data: Path, tmp_path: Path) -> Path:
    """A data folder with the real .mat files, and only the images of the five classes."""
    images = tmp_path / flowers102.IMAGES
    images.mkdir(parents=True)
    for name in MATS:
        (tmp_path / name).symlink_to(real_data / name)
    labels = loadmat(real_data / flowers102.LABELS)["labels"].ravel().tolist()
    for number, label in enumerate(labels, start=1):
        if label - 1 in flowers102.CLASSES:
            name = f"image_{number:05d}.jpg"
            (images / name).symlink_to(real_data / flowers102.IMAGES / name)
    return tmp_path


def test_the_classes_have_their_published_names() -> None:
    assert {label: Flowers102.classes[label] for label in flowers102.CLASSES} == flowers102.CLASSES
    assert tuple(flowers102.CLASSES) == (50, 76, 45, 72, 88)


def test_a_mat_file_that_is_not_the_published_one_is_named(tmp_path: Path) -> None:
    (tmp_path / flowers102.IMAGES).mkdir(parents=True)
    for name in MATS:
        (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file, or so it says")
    with pytest.raises(DataError, match=r"imagelabels\.mat is damaged or not the published file"):
        flowers102.read(tmp_path)


def test_a_mat_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"imagelabels\.mat cannot be read"):
        flowers102.read(tmp_path)


@pytest.mark.slow
def test_the_official_parts(real: Dataset) -> None:
    test = opened(real)
    assert real.development.features.shape == (100, 3, 64, 64)
    assert test.features.shape == (983, 3, 64, 64)
    assert real.development.targets.bincount().tolist() == [20] * 5
    assert test.targets.bincount().tolist() == [238, 231, 176, 174, 164]
    assert real.validation == KFold(5)
    assert real.classes[0] == "petunia"


@pytest.mark.slow
def test_no_image_is_in_both_parts(real: Dataset) -> None:
    parts = [real.development.features, opened(real).features]
    seen = [{image.contiguous().numpy().tobytes() for image in part} for part in parts]
    assert [len(images) for images in seen] == [100, 983]
    assert not seen[0] & seen[1]


@pytest.mark.slow
def test_rows_are_those_of_torchvision(real: Dataset, real_data: Path) -> None:
    places = {label: place for place, label in enumerate(flowers102.CLASSES)}
    for parts, examples in (
        (("train", "val"), real.development),
        (("test",), opened(real)),
    ):
        labels = [label for part in parts for label in Flowers102(real_data, part)._labels]
        targets = [places[label] for label in labels if label in places]
        assert examples.targets.tolist() == targets


@pytest.mark.slow
def test_images_of_other_classes_are_not_needed(real: Dataset, linked: Path) -> None:
    assert flowers102.read(linked).fingerprint == real.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["missing", "empty", "cut short", "no image"])
def test_a_damaged_image_is_named(linked: Path, damage: str) -> None:
    path = sorted((linked / flowers102.IMAGES).iterdir())[-1]
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        contents = {"empty": b"", "cut short": whole[: len(whole) // 2], "no image": b"<html>"}
        path.write_bytes(contents[damage])
    with pytest.raises(DataError, match=re.escape(f"{path} cannot be read as an image")):
        flowers102.read(linked)


@pytest.mark.slow
@pytest.mark.parametrize("name", MATS)
def test_an_altered_mat_file_is_named(linked: Path, name: str) -> None:
    path = linked / name
    whole = path.read_bytes()
    path.unlink()
    for altered in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        path.write_bytes(altered)
        with pytest.raises(DataError, match=re.escape(f"{path} is damaged")):
            flowers102.read(linked)
