from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.data.making import PIXELS, make_examples, make_small
from tuner.data.dataset import Examples, LockedSplit, fingerprint, make_dataset
from tuner.data.splits import KFold
from tuner.errors import DataError


def test_opening_the_test_split_is_recorded_before_a_row_is_read() -> None:
    happened: list[str] = []

    def read() -> Examples:
        happened.append("read")
        return make_examples(3)

    split = LockedSplit(3, read)
    assert split.rows == 3
    assert happened == []
    assert len(split.open(lambda: happened.append("recorded"))) == 3
    assert happened == ["recorded", "read"]


def test_a_split_whose_record_fails_stays_closed() -> None:
    def read() -> Examples:
        raise AssertionError("read without a record")

    def record() -> None:
        raise OSError("the database is locked")

    with pytest.raises(OSError, match="locked"):
        LockedSplit(3, read).open(record)


@pytest.mark.parametrize(("features", "targets"), [(3, 2), (0, 0)])
def test_rows_need_targets(features: int, targets: int) -> None:
    with pytest.raises(DataError, match=f"{features} rows of features with {targets} targets"):
        Examples(features=torch.zeros(features, 2), targets=torch.zeros(targets))


@pytest.mark.parametrize(
    ("development", "test", "says"),
    [
        ([0, 1, 2], [0], r"development targets hold the classes \[0, 1, 2\]; with 2 class names"),
        ([0, 0, 0], [0], r"development targets hold the classes \[0\]"),
        ([0, 1, 1], [5], r"test targets hold \[5\]; with 2 class names they have to be 0 to 1"),
    ],
)
def test_targets_name_classes(development: list[int], test: list[int], says: str) -> None:
    parts = [
        Examples(features=torch.zeros(len(targets), 1), targets=torch.tensor(targets))
        for targets in (development, test)
    ]
    with pytest.raises(DataError, match=says):
        make_dataset(
            name="wrong",
            source="a test",
            development=parts[0],
            test=parts[1],
            validation=KFold(2),
            classes=("no", "yes"),
        )


def test_the_fingerprint_depends_on_everything_the_model_sees() -> None:
    development, test = make_examples(6), make_examples(4, seed=1)
    brighter = replace(development, features=development.features + 1)
    relabelled = replace(development, targets=1 - development.targets)
    prints = [
        fingerprint(development, test, PIXELS, ("a", "b")),
        fingerprint(brighter, test, PIXELS, ("a", "b")),
        fingerprint(relabelled, test, PIXELS, ("a", "b")),
        fingerprint(development, brighter, PIXELS, ("a", "b")),
        fingerprint(development, test, None, ("a", "b")),
        fingerprint(development, test, PIXELS, ("b", "a")),
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == fingerprint(make_examples(6), make_examples(4, seed=1), PIXELS, ("a", "b"))


def test_sizes_of_what_a_model_takes_and_gives() -> None:
    small = make_small()
    assert small.row_shape == (1, 4, 4)
    assert small.outputs == 2
    assert replace(small, classes=()).outputs == 1
