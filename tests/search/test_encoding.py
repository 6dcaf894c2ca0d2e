"""Configurations as rows and points, their conditions, and what is learnt from points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tuner.search.conditions import Conditions
from tuner.search.encoding import Encoding
from tuner.search.gaussian import fit, learn
from tuner.search.improvement import log_improvement

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SPACE: dict[str, BaseDistribution] = {
    "choice": CategoricalDistribution(("a", "b", "c")),
    "float": FloatDistribution(-2, 3),
    "grid": FloatDistribution(-10.2, 10.2, step=0.1),
    "int": IntDistribution(-3, 9, step=2),
    "log": FloatDistribution(1e-7, 1e-1, log=True),
    "logint": IntDistribution(1, 100, log=True),
}


@pytest.mark.parametrize("name", SPACE)
def test_what_is_drawn_is_in_its_range_and_comes_back(name: str) -> None:
    encoding, distribution = Encoding({name: SPACE[name]}), SPACE[name]
    rows = encoding.draw(np.random.default_rng(0), 300)
    values = [encoding.values(row)[name] for row in rows]
    internal = np.array([distribution.to_internal_repr(value) for value in values])
    assert all(distribution._contains(number) for number in internal)
    np.testing.assert_allclose(encoding.rows({name: internal}), rows, atol=1e-12)
    assert len(set(values)) > 2


def test_every_number_of_a_grid_is_drawn_as_often_as_another() -> None:
    encoding = Encoding({"n": IntDistribution(0, 3)})
    rows = encoding.draw(np.random.default_rng(0), 4000)
    counts = np.unique([encoding.values(row)["n"] for row in rows], return_counts=True)[1]
    assert counts.min() > 900


def test_choices_are_one_apart_and_what_is_missing_is_in_the_middle() -> None:
    encoding = Encoding({"choice": SPACE["choice"], "float": SPACE["float"]})
    points = encoding.features(np.array([[0, 0.5], [1, 0.5], [0, np.nan]]))
    assert np.sum((points[0] - points[1]) ** 2) == pytest.approx(1)
    assert (points[0] == points[2]).all()
    assert "float" not in encoding.values(np.array([0, np.nan]))


def test_values_that_cannot_be_are_not_pinned() -> None:
    given = {"choice": "z", "float": "much", "int": 5, "other": 1}
    row = Encoding(SPACE).pinned(given)
    assert np.isfinite(row).tolist() == [False, False, False, True, False, False]


def test_conditions_are_learnt_one_from_another() -> None:
    """The third exists if the first is 1, the second if the third is above a half."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(2, size=60), rng.random(60), rng.random(60)], axis=1)

    def truth(rows: np.ndarray) -> np.ndarray:
        rows = rows.copy()
        rows[rows[:, 0] == 0, 2] = np.nan
        rows[~(np.nan_to_num(rows[:, 2]) > 0.5), 1] = np.nan
        return rows

    conditions = Conditions(truth(rows))
    np.testing.assert_array_equal(conditions.apply(rows), truth(rows))


def test_a_gaussian_process_knows_what_it_has_seen_and_what_it_believes() -> None:
    points = np.random.default_rng(0).random((25, 2))
    owners, doubts = np.arange(2), np.zeros(25)
    values = np.sin(5 * points[:, 0])  # the second does not matter
    values = (values - values.mean()) / values.std()
    logs = fit(points, owners, values, doubts)
    model = learn(points, owners, values, doubts, logs)
    means, deviations = model.at(points)
    np.testing.assert_allclose(means, values, atol=0.05)
    assert deviations.max() < 0.1
    assert logs[0] > logs[1] + 2  # the first has the shorter length scale
    far = np.array([[3.0, 0.5], [-2.0, 0.5]])
    before, unsure = model.at(far)
    believing = model.believing(far)
    np.testing.assert_allclose(believing.at(far)[0], before, atol=1e-8)
    assert (believing.at(far)[1] < unsure / 10).all()


def test_the_improvement_is_what_sampling_says_and_falls_all_the_way() -> None:
    draws = np.random.default_rng(0).normal(1.0, 0.5, 200_000)
    expected = np.maximum(0.8 - draws, 0).mean()
    found = np.exp(log_improvement(np.array([1.0]), np.array([0.5]), 0.8))
    assert found == pytest.approx(expected, rel=0.02)
    means = np.linspace(0, 40, 400)
    assert (np.diff(log_improvement(means, np.ones(400), 0.0)) < 0).all()
