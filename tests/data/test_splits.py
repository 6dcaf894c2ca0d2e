from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.making import make_examples
from tuner.data.examples import Examples
from tuner.data.splits import Holdout, KFold, everything, folds
from tuner.errors import DataError


def rows_of(examples: Examples) -> list[int]:
    return list(range(len(examples)))


@st.composite
def classified(draw: st.DrawFn) -> Examples:
    """Rows of two to five classes, unequally large, in any order, each large enough to split."""
    sizes = draw(st.lists(st.integers(6, 40), min_size=2, max_size=5))
    labels = [place for place, size in enumerate(sizes) for _ in range(size)]
    order = draw(st.permutations(labels))
    return Examples(features=torch.zeros(len(labels), 1), targets=torch.tensor(order))


@settings(deadline=None, max_examples=60)
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


@settings(deadline=None, max_examples=60)
@given(examples=classified(), k=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_k_folds_are_stratified(examples: Examples, k: int, seed: int) -> None:
    whole = examples.targets.bincount()
    for fold in folds(examples, KFold(k), seed):
        held = examples.targets[fold.validation].bincount(minlength=len(whole))
        assert bool((held >= whole // k).all())
        assert bool((held <= -(-whole // k)).all())


@settings(deadline=None, max_examples=60)
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
