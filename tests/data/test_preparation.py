"""The preparation of a table, fitted on its training rows and stored as tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, StandardScaler

from tuner.data.preparation import Preparation, Straightened
from tuner.data.scaling import Scaler
from tuner.data.table import Column, Table

NAN = float("nan")


def table(numbers: int = 2, categories: int = 1, *, gaps: bool = True) -> Table:
    made = [
        Column(name=f"n{place}", kind="number", why="", missing=int(gaps and place == 0))
        for place in range(numbers)
    ]
    made += [
        Column(name=f"c{place}", kind="category", why="", values=("a", "b", "c"))
        for place in range(categories)
    ]
    target = Column(name="y", kind="number", why="")
    return Table(columns=tuple(made), target=target)


def rows(count: int = 200, numbers: int = 2, categories: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    values = torch.randn(count, numbers, generator=random, dtype=torch.float64).exp()
    if numbers:
        values[::7, 0] = NAN
    codes = torch.randint(0, 4, (count, categories), generator=random).double()
    return torch.cat([values, codes], dim=1)


def test_numbers_are_what_scikit_learn_makes_of_them_and_gaps_its_median() -> None:
    made = rows()
    ready = Preparation.fit(made, table())(made)
    numbers = made[:, :2].numpy()
    mapped = QuantileTransformer(n_quantiles=10, output_distribution="normal").fit(numbers)
    expected = StandardScaler().fit_transform(mapped.transform(numbers))
    known = ~np.isnan(expected)
    assert np.allclose(ready[:, :2].numpy()[known], expected[known], atol=1e-6)
    assert np.allclose(ready[::7, 0], np.nanmedian(expected[:, 0]), atol=1e-6)
    assert torch.equal(ready[:, 2], made[:, 0].isnan().float())
    assert ready.dtype == torch.float32
    assert ready.shape == (200, table().width)


def test_a_value_that_few_training_rows_have_is_as_unknown() -> None:
    made = rows(numbers=0)
    made[:, 0] = 1.0
    made[:2, 0] = 2.0  # twice
    made[2:5, 0] = 3.0  # three times
    prepared = Preparation.fit(made, table(numbers=0))
    new = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    assert prepared(new).flatten().tolist() == [0.0, 1.0, 0.0, 3.0]


@pytest.mark.parametrize("column", [[NAN] * 30, [5.0] * 30, [NAN, *[5.0] * 29]])
def test_a_column_that_a_fold_cannot_learn_from_says_nothing(column: list[float]) -> None:
    made = torch.tensor(column, dtype=torch.float64)[:, None]
    known = table(1, 0)
    prepared = Preparation.fit(made, known)
    new = torch.tensor([[NAN], [0.0], [5.0], [1e300]], dtype=torch.float64)
    for one in (prepared, Preparation.read(prepared.tensors(), known)):
        ready = one(new)
        assert ready[:, 0].tolist() == [0.0] * 4
        assert ready[:, 1].tolist() == [1.0, 0.0, 0.0, 0.0], "whether it is missing is known"


def test_a_column_that_is_nearly_always_the_same_still_counts() -> None:
    made = torch.zeros(1000, 1, dtype=torch.float64)
    made[:2] = 1
    prepared = Preparation.fit(made, table(1, 0, gaps=False))
    low, high = prepared(torch.tensor([[0.0], [1.0]], dtype=torch.float64)).flatten().tolist()
    assert high > low


@pytest.mark.parametrize(("numbers", "categories"), [(2, 1), (0, 2), (3, 0)])
def test_it_is_read_back_as_it_was(numbers: int, categories: int) -> None:
    made, known = rows(60, numbers, categories), table(numbers, categories)
    prepared = Preparation.fit(made, known)
    again = Preparation.read(prepared.tensors(), known)
    assert torch.equal(again(made), prepared(made))


def test_what_does_not_fit_the_table_is_refused() -> None:
    known = table()
    sound = Preparation.fit(rows(), known).tensors()
    wrong = {
        "mean": sound["mean"][:1],
        "std": torch.zeros_like(sound["std"]),
        "quantiles": sound["quantiles"].flip(0),
        "median": sound["median"] * NAN,
        "codes": sound["codes"] + 5,
        "sizes": sound["sizes"] + 1,
        "gaps": ~sound["gaps"],
    }
    for name, value in wrong.items():
        with pytest.raises(ValueError, match="of a table does not fit it"):
            Preparation.read({**sound, name: value}, known)
    with pytest.raises(ValueError, match="does not fit it"):
        Preparation.read(sound, replace(known, columns=known.columns[1:]))


def targets(power: float = 3.0) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return (power * torch.randn(400, 1, generator=random, dtype=torch.float64)).exp()


def test_a_target_is_straightened_as_scikit_learn_does_it() -> None:
    values = targets()
    found = Straightened.fit(values)
    standard = ((values - values.mean()) / values.std(correction=0)).numpy()
    expected = PowerTransformer().fit_transform(standard)
    assert np.allclose(found(values).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_straightened_target_comes_back_in_its_units(sign: int) -> None:
    values = sign * targets(1.0)
    found = Straightened.fit(values)
    assert torch.allclose(found.undo(found(values)), values, rtol=1e-3, atol=1e-3)
    plain = Scaler.fit(values)
    assert torch.allclose(found.in_units(found(values)), plain(values), atol=1e-3)
    assert torch.equal(found.standardise(values), plain(values))


def test_no_output_means_more_than_the_targets_that_were_seen() -> None:
    values = targets(1.0)
    found = Straightened.fit(values)
    far = torch.tensor([[-1e6], [1e6]])
    assert torch.allclose(found.undo(far).flatten(), torch.stack([values.min(), values.max()]))


def test_a_straightened_target_is_read_back_or_refused() -> None:
    found = Straightened.fit(targets())
    again = Straightened.read(found.tensors())
    assert torch.equal(again(targets()), found(targets()))
    for name in found.tensors():
        with pytest.raises(ValueError, match="learnt of a target"):
            Straightened.read({**found.tensors(), name: torch.tensor([NAN]).double()})
    with pytest.raises(ValueError, match="cannot have been"):
        Straightened.read({**found.tensors(), "std": torch.zeros(1).double()})


def test_a_table_is_read_back_as_it_was_or_refused() -> None:
    known = table()
    assert Table.read(known.facts()) == known
    stored = known.facts()
    for column in (
        {"kind": "picture"},
        {"name": 3},
        {"values": ("a", "a")},
        {"kind": "yes or no", "values": ("no",)},
        {"parts": ("year",)},
        {"missing": "many"},
    ):
        first = {**stored["columns"][0], **column}
        with pytest.raises((ValueError, TypeError)):
            Table.read({**stored, "columns": [first, *stored["columns"][1:]]})
