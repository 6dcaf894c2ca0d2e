from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.data.making import PIXELS, make_examples, make_small
from tuner.data.dataset import LockedSplit, fingerprint, make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.splits import Holdout, KFold
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
        ([0, 1, 2], [0], r"development rows: targets hold \[2\]; with 2 class names they have"),
        ([0, 0, 0], [0], "there are no development rows of class yes; leave the class out"),
        (
            [0, 1, 1],
            [5],
            r"test rows: targets hold \[5\]; with 2 class names they have to be 0 to 1",
        ),
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
            columns=("x",),
        )


GREY = {"pixels": PIXELS, "classes": ("no", "yes")}
TABLE = {"columns": ("x", "y")}
FOUR_CHANNELS = {**GREY, "pixels": PixelStatistics(mean=(0.5,) * 4, std=(0.5,) * 4)}
GREY_ROWS = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
TWO_CLASSES = torch.tensor([0, 1, 0, 1])
NUMBERS = torch.zeros(4, 1)
FOUR = torch.arange(4, dtype=torch.float64)[:, None]


@pytest.mark.parametrize(
    ("features", "targets", "others", "says"),
    [
        (GREY_ROWS.float(), TWO_CLASSES, GREY, "features are torch.float32; with `pixels` they"),
        (GREY_ROWS[:, 0], TWO_CLASSES, GREY, r"features have shape \(4, 2, 2\); with 1 channels"),
        (GREY_ROWS.expand(4, 2, 2, 2), TWO_CLASSES, GREY, r"shape \(4, 2, 2, 2\); with 1 chan"),
        (GREY_ROWS, TWO_CLASSES, {**GREY, "columns": ("x",)}, "`columns` is for tables"),
        (GREY_ROWS, TWO_CLASSES.int(), GREY, r"torch.int32 of shape \(4,\); with class names"),
        (GREY_ROWS, TWO_CLASSES[:, None], GREY, r"shape \(4, 1\); with class names"),
        (GREY_ROWS, TWO_CLASSES, {**GREY, "classes": ("no", "no")}, "classes has a name twice: no"),
        (torch.zeros(4, 2), NUMBERS, {}, "`columns` has 0 names; give a name to each"),
        (
            torch.zeros(4, 3, 2),
            NUMBERS,
            {},
            r"shape \(4, 3, 2\), .* as they are, with raw",
        ),
        (torch.zeros(4, 3), NUMBERS, TABLE, "`columns` has 2 names; give a name to each"),
        (torch.zeros(4, 2), NUMBERS, {"columns": ("x", "x")}, "columns has a name twice: x"),
        (torch.zeros(4, 2).half(), NUMBERS, TABLE, "features are torch.float16; without `pix"),
        (torch.zeros(4, 2) / 0, NUMBERS, TABLE, "a feature is not finite: row 0 .* has nan at col"),
        (
            torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, torch.inf], [5.0, 6.0]]),
            NUMBERS,
            TABLE,
            r"not finite: row 2 \(the first is 0\) has inf at column y",
        ),
        (torch.zeros(4, 2), NUMBERS / 0, TABLE, "a target is not finite: row 0 .* at place 0"),
        (torch.zeros(4, 2), NUMBERS.expand(4, 2), TABLE, "one number of a row, so make a study of"),
        (GREY_ROWS.expand(4, 4, 2, 2), TWO_CLASSES, FOUR_CHANNELS, "as they are: raw=True"),
        (torch.zeros(4, 2), NUMBERS[:, 0], TABLE, r"shape \(4,\); without class names"),
        (torch.zeros(4, 2), TWO_CLASSES, TABLE, "targets are torch.int64 of shape"),
        (torch.zeros(4, 2), NUMBERS, TABLE, "all development rows have the same target"),
        (GREY_ROWS, TWO_CLASSES * 0, {**GREY, "classes": ("one",)}, "have the same target"),
        (
            torch.zeros(4, 2),
            FOUR * 1e155,
            TABLE,
            r"too large to .* between 0 and 3e\+155, .*divide",
        ),
        (torch.zeros(4, 2), FOUR * 1e-200, TABLE, r"too small to .* and 3e-200, .* multiply all"),
    ],
)
def test_rows_of_another_kind_are_refused(
    features: torch.Tensor, targets: torch.Tensor, others: dict[str, Any], says: str
) -> None:
    rows = Examples(features=features, targets=targets)
    with pytest.raises(DataError, match=says):
        make_dataset(
            name="wrong",
            source="a test",
            development=rows,
            test=rows,
            validation=KFold(2),
            **others,
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


@pytest.mark.parametrize(
    ("shape", "test_shape"),
    [((1, 4, 4), (1, 4, 5)), ((1, 4, 4), (1, 8, 8)), ((3, 4, 4), (3, 4, 3))],
)
def test_test_images_of_another_size_are_refused(
    shape: tuple[int, ...], test_shape: tuple[int, ...]
) -> None:
    parts = [
        Examples(features=torch.zeros(6, *one, dtype=torch.uint8), targets=torch.arange(6) % 2)
        for one in (shape, test_shape)
    ]
    with pytest.raises(
        DataError, match=r"development rows have shape .* and test rows .*read both"
    ):
        make_dataset(
            name="sizes",
            source="a test",
            development=parts[0],
            test=parts[1],
            validation=KFold(2),
            classes=("a", "b"),
            pixels=PixelStatistics(mean=(0.5,) * shape[0], std=(0.5,) * shape[0]),
        )


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (np.unique(["b", "a"]), ("a", "b")),
        (tuple(np.unique([0, 1])), ("0", "1")),
        (np.array([False, True]), ("False", "True")),
        ([7, "x"], ("7", "x")),
        (torch.tensor([3, 4]), ("3", "4")),
    ],
)
def test_names_of_any_library_become_plain_text(classes: Any, expected: tuple[str, ...]) -> None:
    rows = make_examples(6)
    found = make_dataset(
        name=cast("str", np.str_("names")),
        source="a test",
        development=rows,
        test=rows,
        validation=KFold(cast("int", np.int64(2))),
        classes=classes,
        pixels=PixelStatistics(
            mean=cast("Any", torch.tensor([0.5])), std=cast("Any", (np.float32(0.25),))
        ),
    )
    assert found.classes == expected
    assert {type(one) for one in (*found.classes, found.name)} == {str}
    assert found.pixels == PIXELS
    json.dumps([found.classes, found.name, asdict(found.validation), asdict(found.pixels)])


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (("a", None), "classes has None, which is NoneType; a name has to be text"),
        (("a", 1.5), "classes has 1.5, which is float"),
        (("a", ("b",)), "which is tuple; a name"),
        ("ab", "classes is the text 'ab'; give a tuple of names"),
        (("a", "\ud800"), "cannot be written as UTF-8"),
        ((1, "1"), "classes has a name twice: 1, 1"),
    ],
)
def test_names_that_are_not_text_are_refused(classes: Any, says: str) -> None:
    rows = make_examples(6)
    with pytest.raises(DataError, match=says):
        make_dataset(
            name="names",
            source="a test",
            development=rows,
            test=rows,
            validation=KFold(2),
            classes=classes,
            pixels=PIXELS,
        )


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((), ()),
        ((0.5,), (0.0,)),
        ((0.5,), (0.5, 0.5)),
        ((float("nan"),), (1.0,)),
        ("ab", (1.0,)),
        (0.5, 1),
    ],
)
def test_statistics_that_cannot_scale_are_refused(mean: Any, std: Any) -> None:
    with pytest.raises(DataError, match=r"PixelStatistics: .* give a"):
        PixelStatistics(mean=mean, std=std)


def test_a_class_of_one_row_cannot_be_held_out() -> None:
    rows = Examples(features=torch.rand(9, 1), targets=torch.tensor([0] * 8 + [1]))
    with pytest.raises(DataError, match="only one development row of class rare; holding rows out"):
        make_dataset(
            name="rare",
            source="a test",
            development=rows,
            test=rows,
            validation=Holdout(3),
            classes=("common", "rare"),
            columns=("x",),
        )


@pytest.mark.parametrize(
    ("part", "given", "says"),
    [
        ("validation", 5, r"a: validation is 5; give KFold\(5\) or Holdout\(rows\)"),
        ("validation", None, "a: validation is None; give"),
        ("validation", "kfold", "a: validation is 'kfold'; give"),
        ("development", (torch.zeros(4, 1), torch.zeros(4, 1)), "development is .* type tuple"),
        ("test", None, r"a: test is None; give Examples\(features"),
        ("test", torch.zeros(4, 1), "a: test is an object of type Tensor; give"),
        ("pixels", (0.5, 0.5), r"a: pixels is an object of type tuple; give PixelStatistics\("),
    ],
)
def test_a_part_that_is_something_else_is_named(part: str, given: object, says: str) -> None:
    rows = Examples(features=torch.rand(4, 1), targets=torch.rand(4, 1))
    parts: dict[str, Any] = {"development": rows, "test": rows, "validation": KFold(2)}
    with pytest.raises(DataError, match=says):
        make_dataset(name="a", source="made", columns=("x",), **{**parts, part: given})


@pytest.mark.parametrize("part", ["features", "targets"])
@pytest.mark.parametrize("given", [np.zeros((4, 1)), [[0.0]] * 4, None])
def test_rows_that_are_no_tensor_are_named(part: str, given: Any) -> None:
    parts: dict[str, Any] = {"features": torch.zeros(4, 1), "targets": torch.zeros(4, 1)}
    kind = type(given).__name__
    with pytest.raises(DataError, match=rf"Examples: {part} is .* {kind}; give a tensor"):
        Examples(**{**parts, part: given})


def test_features_of_several_parts_are_told_what_to_do() -> None:
    parts: Any = {"ids": torch.zeros(4, 2), "numbers": torch.zeros(4, 3)}
    with pytest.raises(
        DataError, match=r"type dict; give a tensor of all parts side by side \(torch.cat\)"
    ):
        Examples(features=parts, targets=NUMBERS)
