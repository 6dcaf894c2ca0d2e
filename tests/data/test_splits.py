from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.making import make_examples
from tuner.data.examples import Examples
from tuner.data.splits import GroupFolds, Holdout, KFold, Scheme, TimeFolds, everything, folds
from tuner.errors import DataError


def rows_of(examples: Examples) -> list[int]:
    return list(range(len(examples)))


@st.composite
def classified(draw: st.DrawFn) -> Examples:
    """Draw rows of two to five classes of unequal size, in any order, large enough to split."""
    sizes = draw(st.lists(st.integers(6, 40), min_size=2, max_size=5))
    labels = [place for place, size in enumerate(sizes) for _ in range(size)]
    order = draw(st.permutations(labels))
    return Examples(features=torch.zeros(len(labels), 1), targets=torch.tensor(order))


@settings(max_examples=60)
@given(examples=classified(), k=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_k_folds_validate_each_row_once_and_train_on_the_others(
    examples: Examples, k: int, seed: int
) -> None:
    made = folds(examples, KFold(k), seed)
    assert len(made) == k
    assert sorted(torch.cat([fold.validation for fold in made]).tolist()) == rows_of(examples)
    for fold in made:
        both = torch.cat([fold.training, fold.validation])
        assert sorted(both.tolist()) == rows_of(examples)


@settings(max_examples=60)
@given(examples=classified(), k=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_k_folds_are_stratified(examples: Examples, k: int, seed: int) -> None:
    whole = examples.targets.bincount()
    for fold in folds(examples, KFold(k), seed):
        held = examples.targets[fold.validation].bincount(minlength=len(whole))
        assert bool((held >= whole // k).all())
        assert bool((held <= -(-whole // k)).all())


@settings(max_examples=60)
@given(examples=classified(), share=st.floats(0.2, 0.8), seed=st.integers(0, 2**32 - 1))
def test_a_holdout_has_its_rows_and_is_stratified(
    examples: Examples, share: float, seed: int
) -> None:
    rows = round(len(examples) * share)
    (fold,) = folds(examples, Holdout(rows), seed)
    assert len(fold.validation) == rows
    both = torch.cat([fold.training, fold.validation])
    assert sorted(both.tolist()) == rows_of(examples)
    whole = examples.targets.bincount()
    held = examples.targets[fold.validation].bincount(minlength=len(whole))
    assert bool(((held - whole * rows / len(examples)).abs() < 1).all())


@pytest.mark.parametrize("scheme", [Holdout(7), KFold(5)])
def test_numbers_are_split_without_classes(scheme: Holdout | KFold) -> None:
    examples = Examples(features=torch.zeros(30, 2), targets=torch.linspace(0, 1, 30).view(-1, 1))
    for fold in folds(examples, scheme, seed=0):
        both = torch.cat([fold.training, fold.validation])
        assert sorted(both.tolist()) == rows_of(examples)


@pytest.mark.parametrize("scheme", [Holdout(8), KFold(4)])
def test_a_seed_repeats_its_folds_and_no_other(scheme: Holdout | KFold) -> None:
    examples = make_examples(40)
    first, again, other = (
        [fold.validation.tolist() for fold in folds(examples, scheme, seed)] for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other
    assert all(rows == sorted(rows) for rows in first)


def test_everything_is_trained_on_and_nothing_validated() -> None:
    (fold,) = everything(make_examples(12))
    assert fold.training.tolist() == list(range(12))
    assert fold.validation.tolist() == []


@pytest.mark.parametrize("scheme", [Holdout(10), KFold(11)])
def test_too_few_rows_is_an_error_that_says_so(scheme: Holdout | KFold) -> None:
    with pytest.raises(DataError, match=r"10 development rows cannot be split by \w+\(\w+="):
        folds(make_examples(10), scheme, seed=0)


@pytest.mark.parametrize("number", [0, -3, 2.5, "five", None])
def test_schemes_are_whole_numbers(number: Any) -> None:
    for scheme in (KFold, Holdout):
        with pytest.raises(DataError, match=r"give a whole number, [12] or more"):
            scheme(number)
    assert (KFold(cast("int", np.int64(3))), Holdout(cast("int", np.int32(7)))) == (
        KFold(3),
        Holdout(7),
    )


def in_groups(rows: int, groups: int, *, classes: bool) -> Examples:
    random = torch.Generator().manual_seed(0)
    targets = torch.arange(rows) % 2 if classes else torch.randn(rows, 1, generator=random)
    numbers = torch.randint(0, groups, (rows,), generator=random)
    return Examples(features=torch.zeros(rows, 2), targets=targets, groups=numbers)


@pytest.mark.parametrize("classes", [False, True])
def test_rows_of_a_group_are_in_one_fold(classes: bool) -> None:
    examples = in_groups(120, 30, classes=classes)
    assert examples.groups is not None
    seen = []
    for fold in folds(examples, GroupFolds(4), seed=1):
        training, validation = (
            set(examples.groups[part].tolist()) for part in (fold.training, fold.validation)
        )
        assert not training & validation
        seen += fold.validation.tolist()
    assert sorted(seen) == rows_of(examples)
    first, other = (folds(examples, GroupFolds(4), seed=seed)[0].validation for seed in (1, 2))
    assert first.tolist() != other.tolist()


def in_time(rows: int, alike: int = 1) -> Examples:
    moments = torch.arange(rows) // alike
    return Examples(features=torch.zeros(rows, 2), targets=torch.rand(rows, 1), groups=moments)


@pytest.mark.parametrize("alike", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_a_fold_in_time_trains_on_earlier_rows_alone(alike: int, seed: int) -> None:
    examples = in_time(100, alike)
    assert examples.groups is not None
    parts = folds(examples, TimeFolds(4), seed)
    for fold in parts:
        assert len(fold.training) > 0
        assert len(fold.validation) > 0
        before, after = examples.groups[fold.training], examples.groups[fold.validation]
        assert int(before.max()) < int(after.min())
    assert len(parts) == 4
    sizes = [len(fold.training) for fold in parts]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("years", range(4, 15))
@pytest.mark.parametrize("each", [9, 27])
def test_what_one_seed_can_cut_in_time_all_seeds_can(years: int, each: int) -> None:
    """A study draws seeds for its race after the search, and the race must not fail then."""
    examples = in_time(years * each, each)
    found = set()
    for seed in range(40):
        try:
            parts = folds(examples, TimeFolds(5), seed)
        except DataError:
            found.add(False)
        else:
            found.add(True)
            assert all(len(part.training) and len(part.validation) for part in parts)
            assert all(len(part.training) % each == 0 for part in parts), "no moment is cut"
    assert found == {years >= 6}


def test_another_seed_cuts_time_at_other_rows() -> None:
    cuts = {
        tuple(len(fold.training) for fold in folds(in_time(100), TimeFolds(4), seed))
        for seed in range(10)
    }
    assert len(cuts) > 3


@pytest.mark.parametrize(
    ("examples", "scheme", "reason"),
    [
        (make_examples(20), GroupFolds(3), "GroupFolds needs the group of each row"),
        (make_examples(20), TimeFolds(3), "TimeFolds needs the group of each row"),
        (in_groups(20, 3, classes=True), GroupFolds(5), "3 groups for 5 folds"),
        (in_time(40, 40), TimeFolds(3), "too many rows are of one moment"),
        (in_time(6), TimeFolds(4), "2 or more a fold"),
        (in_groups(40, 9, classes=False), TimeFolds(3), "in the order of time"),
    ],
)
def test_what_groups_and_time_do_not_allow_is_said(
    examples: Examples, scheme: Scheme, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        folds(examples, scheme, seed=0)


def test_groups_fit_their_rows() -> None:
    with pytest.raises(DataError, match="give one whole number a row"):
        Examples(features=torch.zeros(3, 2), targets=torch.zeros(3, 1), groups=torch.zeros(2))
