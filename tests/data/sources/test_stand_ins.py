"""The data sets used if the real data is unavailable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.data.making import opened
from tuner.data.sources import digits, drawn, flowers102, mnist
from tuner.data.splits import Holdout, KFold

if TYPE_CHECKING:
    from tuner.data.dataset import Dataset


@pytest.fixture(scope="module")
def made() -> dict[str, Dataset]:
    return {"digits": digits.make(), "drawn": drawn.make()}


@pytest.mark.slow
def test_the_digits_are_all_there_and_split_by_class(made: dict[str, Dataset]) -> None:
    data, test = made["digits"], opened(made["digits"])
    assert (data.name, data.stands_in_for) == ("mnist-digits", "mnist")
    assert len(data.development) + len(test) == 1797
    assert data.development.features.shape == (1437, 1, 28, 28)
    assert data.validation == Holdout(287)
    assert data.pixels == mnist.PIXELS
    shares = (
        data.development.targets.bincount()
        / torch.cat([data.development.targets, test.targets]).bincount()
    )
    assert bool(((shares - 0.8).abs() < 0.01).all())


@pytest.mark.slow
def test_the_drawn_flowers_are_balanced(made: dict[str, Dataset]) -> None:
    data, test = made["drawn"], opened(made["drawn"])
    assert (data.name, data.stands_in_for) == ("flowers-drawn", "flowers")
    assert data.development.features.shape == (100, 3, 64, 64)
    assert data.development.targets.bincount().tolist() == [20] * 5
    assert test.targets.bincount().tolist() == [100] * 5
    assert data.validation == KFold(5)
    assert data.pixels == flowers102.IMAGENET


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drawn", "digits"])
def test_no_image_is_twice_and_none_is_blank(made: dict[str, Dataset], name: str) -> None:
    parts = (made[name].development.features, opened(made[name]).features)
    images = torch.cat(parts)
    assert images.dtype == torch.uint8
    assert len({image.contiguous().numpy().tobytes() for image in images}) == len(images)
    assert float(images.flatten(1).float().std(dim=1).min()) > 4


def test_the_source_says_that_it_stands_in(made: dict[str, Dataset]) -> None:
    for data in made.values():
        assert "is not here and could not be downloaded" in data.source


@pytest.mark.slow
def test_the_same_every_time(made: dict[str, Dataset]) -> None:
    assert digits.make().fingerprint == made["digits"].fingerprint
    assert drawn.make().fingerprint == made["drawn"].fingerprint


def test_every_flower_is_in_the_picture(made: dict[str, Dataset]) -> None:
    # Backgrounds are dim and mixed, flowers are not, so the middle differs from the corners.
    images = made["drawn"].development.features.float()
    corners = torch.cat([images[:, :, :8, :8], images[:, :, -8:, -8:]], dim=2).mean(dim=(2, 3))
    middle = images[:, :, 24:40, 24:40].mean(dim=(2, 3))
    differs = (middle - corners).abs().amax(dim=1) > 20
    by_kind = differs.view(5, -1).float().mean(dim=1)
    assert float(by_kind.min()) > 0.75
