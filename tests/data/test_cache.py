from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.making import PIXELS, make_small, opened
from tuner.data import cache
from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples
from tuner.data.splits import Holdout, KFold
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

FILES = (cache.DEVELOPMENT, cache.TEST, cache.DESCRIPTION)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Draw a data set: images with classes, or a table of numbers."""
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    is_images, sizes = draw(st.booleans()), draw(st.tuples(st.integers(4, 9), st.integers(1, 5)))

    def part(rows: int) -> Examples:
        if is_images:
            features = torch.randint(0, 256, (rows, 1, 2, 2), generator=random).to(torch.uint8)
            return Examples(features=features, targets=torch.arange(rows) % 2)
        features = torch.randn(rows, 3, generator=random)
        return Examples(features=features, targets=torch.randn(rows, 1, generator=random))

    return make_dataset(
        name=draw(texts),
        source=draw(texts),
        development=part(sizes[0]),
        test=part(sizes[1]),
        validation=draw(
            st.builds(Holdout, st.integers(1, 9)) | st.builds(KFold, st.integers(2, 9))
        ),
        classes=tuple(draw(st.lists(texts, min_size=2, max_size=2, unique=True)))
        if is_images
        else (),
        columns=() if is_images else ("x", "y", "z"),
        pixels=PIXELS if is_images else None,
        stands_in_for=draw(st.none() | texts),
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dataset=datasets())
def test_what_is_stored_is_loaded(dataset: Dataset, tmp_path: Path) -> None:
    loaded = cache.load(cache.store(dataset, tmp_path))
    for field in ("name", "source", "validation", "classes", "columns", "pixels", "stands_in_for"):
        assert getattr(loaded, field) == getattr(dataset, field)
    assert loaded.fingerprint == dataset.fingerprint
    assert loaded.test.rows == dataset.test.rows
    parts = [
        (loaded.development, dataset.development),
        (opened(loaded), opened(dataset)),
    ]
    for got, given_ in parts:
        assert torch.equal(got.features, given_.features)
        assert torch.equal(got.targets, given_.targets)


def test_a_whole_data_set_is_not_written_again(tmp_path: Path) -> None:
    folder = cache.store(make_small(), tmp_path)
    written = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert set(written) == set(FILES)
    assert cache.store(make_small(), tmp_path) == folder
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == written


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from((cache.DEVELOPMENT, cache.TEST)), place=st.floats(0, 1), cut=st.booleans()
)
def test_a_damaged_part_is_seen_and_made_again(
    tmp_path: Path, name: str, place: float, cut: bool
) -> None:
    folder = cache.store(make_small(), tmp_path)
    whole = (folder / name).read_bytes()
    at = int(place * (len(whole) - 1))
    damaged = whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    (folder / name).write_bytes(damaged)
    assert not cache.is_whole(folder)
    assert cache.store(make_small(), tmp_path) == folder
    assert cache.is_whole(folder)
    assert (folder / name).read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"checksums": {}}', '{"checksums": 3}'])
def test_a_damaged_description_is_an_error_that_names_the_folder(tmp_path: Path, text: str) -> None:
    folder = cache.store(make_small(), tmp_path)
    (folder / cache.DESCRIPTION).write_text(text, encoding="utf-8")
    assert not cache.is_whole(folder)
    with pytest.raises(DataError, match=f"{folder} cannot be read .* remove that folder"):
        cache.load(folder)


@pytest.mark.parametrize("missing", FILES)
def test_a_missing_file_is_an_error_that_names_the_folder(tmp_path: Path, missing: str) -> None:
    folder = cache.store(make_small(), tmp_path)
    (folder / missing).unlink()
    assert not cache.is_whole(folder)
    with pytest.raises(DataError, match=str(folder)):
        opened(cache.load(folder))


def test_the_test_part_is_read_only_when_it_is_opened(tmp_path: Path) -> None:
    folder = cache.store(make_small(), tmp_path)
    (folder / cache.TEST).write_bytes(b"cut short")
    loaded = cache.load(folder)
    with pytest.raises(DataError, match=r"test\.safetensors cannot be read"):
        opened(loaded)


def test_the_description_can_be_read_by_a_person(tmp_path: Path) -> None:
    folder = cache.store(make_small("café"), tmp_path)
    text = (folder / cache.DESCRIPTION).read_text(encoding="utf-8")
    assert "café" in text
    assert json.loads(text)["classes"] == ["even", "odd"]
