from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.data.making import opened
from tuner.data.sources import mnist
from tuner.data.splits import Holdout, folds
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.data.dataset import Dataset


@pytest.fixture(scope="module")
def real(real_data: Path) -> Dataset:
    if not all((real_data / name).exists() for name in mnist.FILES):
        pytest.skip(f"no MNIST in {real_data}")
    return mnist.read(real_data)


def linked(real_data: Path, folder: Path, but: str) -> Path:
    """A data folder with all real files but one; return the path of the missing one."""
    for name in mnist.FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name != but:
            (folder / name).symlink_to(real_data / name)
    return folder / but


@pytest.mark.parametrize("size", [0, 16, 47_040_015, 47_040_016, 47_040_017])
def test_a_file_of_any_size_but_wrong_contents_is_named(tmp_path: Path, size: int) -> None:
    path = tmp_path / mnist.FILES[0]
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    with pytest.raises(DataError, match=re.escape(f"{path} is damaged or not the published file")):
        mnist.read(tmp_path)


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / mnist.FILES[0]).mkdir(parents=True)
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        mnist.read(tmp_path)


@pytest.mark.slow
def test_the_real_images(real: Dataset) -> None:
    test = opened(real)
    assert real.development.features.shape == (60_000, 1, 28, 28)
    assert test.features.shape == (10_000, 1, 28, 28)
    assert real.development.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.targets[:5].tolist() == [7, 2, 1, 0, 4]
    pixels = real.development.features.float() / 255
    assert real.pixels is not None
    assert float(pixels.mean()) == pytest.approx(real.pixels.mean[0], abs=1e-4)
    assert float(pixels.std()) == pytest.approx(real.pixels.std[0], abs=1e-4)


@pytest.mark.slow
def test_five_thousand_rows_are_held_out(real: Dataset) -> None:
    assert real.validation == Holdout(5000)
    (fold,) = folds(real.development, real.validation, seed=0)
    assert (len(fold.training), len(fold.validation)) == (55_000, 5000)


@pytest.mark.slow
@pytest.mark.parametrize("name", mnist.FILES)
def test_each_damaged_file_is_the_one_that_is_named(
    real: Dataset, real_data: Path, tmp_path: Path, name: str
) -> None:
    path = linked(real_data, tmp_path, but=name)
    whole = (real_data / name).read_bytes()
    other_magic = bytes([0, 0, 9]) + whole[3:]
    one_pixel = whole[:-1] + bytes([whole[-1] ^ 1])
    for damaged in (whole[: len(whole) // 2], whole + b"\0", other_magic, one_pixel):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=re.escape(f"{path} is damaged")):
            mnist.read(tmp_path)


@pytest.mark.slow
def test_a_folder_that_old_torchvision_left_is_not_read(
    real: Dataset, real_data: Path, tmp_path: Path
) -> None:
    linked(real_data, tmp_path, but="")
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"anything")
    assert mnist.read(tmp_path).fingerprint == real.fingerprint
