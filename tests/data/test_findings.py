"""Oddities are found in data of every kind, and none in sound data."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
import torch

from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples, PixelStatistics
from tuner.data.findings import find
from tuner.data.splits import GroupFolds, Holdout, KFold, TimeFolds, folds

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.data.remarks import Findings
    from tuner.data.splits import Scheme

RANDOM = torch.Generator().manual_seed(0)


def noise(rows: int, columns: int = 3) -> Tensor:
    return torch.randn(rows, columns, generator=RANDOM)


def classification(
    features: Tensor, targets: Tensor, test: Examples | None = None, k: int = 5, classes: int = 2
) -> Findings:
    return find(
        Examples(features=features, targets=targets),
        test or Examples(features=noise(40, features.shape[1]), targets=torch.arange(40) % classes),
        KFold(k),
        tuple("abcdefgh"[:classes]),
        tuple(f"x{number}" for number in range(features.shape[1])),
    )


def regression(features: Tensor, targets: Tensor) -> Findings:
    return find(
        Examples(features=features, targets=targets),
        Examples(features=noise(9, features.shape[1]), targets=noise(9, 1)),
        KFold(5),
        (),
        tuple(f"x{number}" for number in range(features.shape[1])),
    )


def test_nothing_is_said_of_sound_data_and_that_it_was_looked_for_is_kept() -> None:
    found = classification(noise(100), torch.arange(100) % 2)
    assert found.remarks() == []
    facts = found.facts()
    assert [facts[name] for name in ("in_test", "repeated", "repeated_in_test")] == [0, 0, 0]
    assert facts["development"] == {"a": 50, "b": 50}
    assert facts["test"] == {"a": 20, "b": 20}
    assert [facts[name] for name in ("constant", "suspects", "numbering")] == [[], {}, []]
    assert regression(noise(100), noise(100, 1)).remarks() == []


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("shared", [1, 7, 30])
def test_development_rows_in_the_test_split_are_counted(images: bool, shared: int) -> None:
    rows = torch.randint(0, 256, (60, 1, 4, 4), generator=RANDOM, dtype=torch.uint8)
    features = rows if images else rows.flatten(1).float()
    targets = torch.arange(60) % 2
    there = slice(30 - shared, 60 - shared)
    found = find(
        Examples(features=features[:30], targets=targets[:30]),
        Examples(features=features[there], targets=targets[there]),
        Holdout(5),
        ("a", "b"),
        () if images else tuple(map(str, range(16))),
    )
    assert found.in_test == shared
    (said,) = found.remarks()
    assert said.startswith(f"{shared} row{'' if shared == 1 else 's'} of 30 in the development")
    assert f"({100 * shared / 30:.1f} %)" in said


def test_repeated_rows_are_counted_in_each_part() -> None:
    features = noise(50)
    features[10:18:2] = features[0]
    test = Examples(features=noise(40), targets=torch.arange(40) % 2)
    test.features[2] = test.features[0]
    found = classification(features, torch.arange(50) % 2, test)
    assert (found.repeated, found.repeated_in_test, found.in_test) == (4, 1, 0)
    assert [said.split(".")[0] for said in found.remarks()] == [
        "4 rows of the development data equal an earlier row, target included",
        "1 row of the test split equals another test row, target included",
    ]


@pytest.mark.parametrize(
    "targets",
    [
        torch.arange(60) % 2,
        torch.arange(120).reshape(60, 2) % 3 % 2,
        noise(60, 1).round(),
    ],
    ids=["classes", "labels", "numbers"],
)
def test_rows_that_are_alike_by_chance_are_no_copies(targets: Tensor) -> None:
    """Two columns with few values: most rows equal others, and so will new rows."""
    features = torch.randint(0, 4, (60, 2), generator=RANDOM).float()
    classes = () if targets.is_floating_point() else ("a", "b")
    pairs = [tuple(row) for row in torch.cat([features, targets.reshape(60, -1)], dim=1).tolist()]
    found = find(
        Examples(features=features[:40], targets=targets[:40]),
        Examples(features=features[40:], targets=targets[40:]),
        KFold(2),
        classes,
        ("x", "y"),
    )
    assert found.repeated == 40 - len(set(pairs[:40]))
    assert found.repeated_in_test == 20 - len(set(pairs[40:]))
    assert found.in_test == sum(pair in set(pairs[40:]) for pair in pairs[:40])
    assert 0 < found.in_test < 40
    said = " ".join(found.remarks())
    assert "may be alike by chance" in said
    assert said.count("copies") == 3


@pytest.mark.parametrize(
    ("scheme", "groups", "counted"),
    [
        (GroupFolds(3), [0, 0, 0, 1, 1, 2], 0),
        (GroupFolds(3), [0, 0, 1, 1, 1, 2], 1),
        (GroupFolds(3), [0, 1, 2, 3, 4, 5], 3),
        (KFold(3), [0, 0, 0, 1, 1, 2], 3),
    ],
)
def test_copies_that_stay_together_are_not_spoken_of(
    scheme: Scheme, groups: list[int], counted: int
) -> None:
    features = torch.tensor([[1.0], [1.0], [1.0], [2.0], [2.0], [3.0]])
    rows = Examples(features=features, targets=features, groups=torch.tensor(groups))
    test = Examples(features=features + 9, targets=features, groups=torch.tensor(groups))
    found = find(rows, test, scheme, (), ("x",))
    assert found.repeated == counted
    assert found.repeated_in_test == (0 if isinstance(scheme, KFold) else counted)


@pytest.mark.parametrize(
    ("scheme", "rows_a_moment", "moments"),
    [(TimeFolds(2), 5, 12), (TimeFolds(2), 1, None), (GroupFolds(2), 5, None)],
)
def test_rows_of_one_moment_that_count_by_themselves_are_spoken_of(
    scheme: Scheme, rows_a_moment: int, moments: int | None
) -> None:
    groups = torch.arange(60) // rows_a_moment
    rows = Examples(features=noise(60), targets=noise(60, 1), groups=groups)
    test = Examples(features=noise(20), targets=noise(20, 1))
    found = find(rows, test, scheme, (), ("x",))
    assert found.moments == moments
    said = " ".join(found.remarks())
    assert ("60 development rows are of 12 moments" in said) == (moments is not None)


def test_a_class_without_test_rows_is_named() -> None:
    test = Examples(features=noise(40), targets=torch.arange(40) % 2)
    (said,) = classification(noise(90), torch.arange(90) % 3, test, classes=3).remarks()
    assert said.startswith("The test split has no row of class 'c'. Macro F1 on the test split is ")
    assert "the mean over the other 2" in said


@pytest.mark.parametrize(("count", "ends"), [(3, "without it. Add"), (1, "some trained without.")])
def test_a_class_with_fewer_rows_than_folds_is_said_once(count: int, ends: str) -> None:
    targets = torch.cat([torch.zeros(30), torch.ones(count)]).long()
    rows = Examples(features=noise(30 + count), targets=targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(folds(rows, KFold(5), 0)) == 5
    said, uneven = classification(rows.features, targets).remarks()
    assert f" than folds ({count} for 5)" in said
    assert ends in said
    assert uneven.startswith("The classes are uneven")


@pytest.mark.parametrize(("positives", "is_said"), [(26, True), (100, True), (101, False)])
def test_uneven_classes_are_said_with_what_a_constant_answer_scores(
    positives: int, is_said: bool
) -> None:
    targets = (torch.arange(400) < positives).long()
    remarks = classification(noise(400), targets).remarks()
    assert bool(remarks) == is_said
    if positives == 26:
        assert "'b' has 6.5 % of the development rows, 'a' has 93.5 %" in remarks[0]
        assert "Always answering 'a' has an accuracy of 93.5 %" in remarks[0]


def test_columns_that_say_nothing_or_everything_are_named() -> None:
    targets = torch.arange(200) % 3
    features = noise(200, 5)
    features[:, 1] = 7.25
    features[:, 2] = targets.float() * 10 + 0.3 * noise(200, 1)[:, 0]
    features[:, 3] = torch.randperm(200, generator=RANDOM) + 1000.0
    found = classification(features, targets, classes=3)
    assert found.constant == ["x1"]
    assert list(found.suspects) == ["x2"]
    assert found.numbering == ["x3"]
    constant, suspect, numbering = found.remarks()
    assert constant.startswith("Column 'x1' has the same value in all development rows")
    assert suspect.startswith("Column 'x2' alone gives almost all of the target (99.9 %)")
    assert numbering.startswith("Column 'x3' has a different whole number in each row")


@pytest.mark.parametrize("leak", ["the target", "scaled", "almost", "its logarithm"])
def test_a_column_that_gives_a_number_is_a_suspect(leak: str) -> None:
    targets = noise(300, 1) * 3 + 50
    features = noise(300, 2)
    features[:, 1] = {
        "the target": targets,
        "scaled": -2 * targets + 1,
        "almost": targets + 0.05 * noise(300, 1),
        "its logarithm": (targets / 5).exp().log1p().log(),
    }[leak][:, 0]
    assert list(regression(features, targets).suspects) == ["x1"]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_good_column_is_not_a_suspect(share: float) -> None:
    targets = noise(300, 1)
    features = share**0.5 * targets + (1 - share) ** 0.5 * noise(300, 1)
    found = regression(torch.cat([features, noise(300, 1)], 1), targets)
    assert found.suspects == {}
    classes = (targets[:, 0] > 0).long()
    assert classification(features, classes).suspects == {}


def test_few_rows_accuse_no_column() -> None:
    features = torch.arange(8.0)[:, None]
    assert classification(features, (torch.arange(8) > 3).long(), k=2).remarks() == []


def test_many_columns_are_not_all_named() -> None:
    (said,) = classification(torch.ones(40, 20), torch.arange(40) % 2).remarks()[1:]
    assert "and 12 more have the same value" in said


def test_a_regressions_target_is_kept_in_its_own_units() -> None:
    targets = torch.tensor([[1.0], [2.0], [3.0], [10.0]]).repeat(10, 1)
    target = regression(noise(40), targets).target
    assert target is not None
    assert target.mean == 4
    assert target.std == pytest.approx(12.5**0.5)
    assert target.trivial_mae == pytest.approx(2.5)
    assert classification(noise(40), torch.arange(40) % 2).target is None


def test_a_data_set_carries_its_findings() -> None:
    rows = torch.zeros(10, 1, 4, 4, dtype=torch.uint8)
    rows[1:, 0, 0, 0] = torch.arange(9, dtype=torch.uint8)
    found = make_dataset(
        name="zeros",
        source="a test",
        development=Examples(features=rows, targets=torch.arange(10) % 2),
        test=Examples(features=rows + 100, targets=torch.arange(10) % 2),
        validation=KFold(2),
        classes=("a", "b"),
        pixels=PixelStatistics(mean=(0.5,), std=(0.5,)),
    ).findings
    assert found is not None
    assert (found.rows, found.repeated, found.in_test) == (10, 1, 0)
