from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence.rates import draws
from tuner.evidence.statistics.exact import deal, fewest_models, ways


def test_of_four_and_four_it_is_from_the_worst_of_one_to_the_best_of_the_other() -> None:
    baseline, other = np.array([0.1, 0.4, 0.2, 0.3]), np.array([0.5, 0.9, 0.6, 0.7])
    found = deal(baseline, other)
    assert found is not None
    assert found.interval(2 / 70) == pytest.approx((0.5 - 0.4, 0.9 - 0.1))
    assert found.interval(0.028) == (-math.inf, math.inf), "finer than 70 ways can tell"


@pytest.mark.parametrize(
    ("alpha", "models"), [(0.05, 4), (0.0286, 4), (0.0285, 5), (0.0143, 5), (0.0025, 6), (1e-3, 7)]
)
def test_so_few_models_can_be_told_apart(alpha: float, models: int) -> None:
    assert fewest_models(alpha) == models
    assert 2 / ways((models - 1, models - 1)) > alpha


def test_too_many_ways_are_not_gone_through() -> None:
    assert deal(np.zeros(10), np.ones(10)) is not None
    assert deal(np.zeros(11), np.ones(11)) is None


def p_value(baseline: list[float], other: list[float]) -> float:
    """Return the two-sided p-value of the difference of means, over all permutations."""
    both = np.array([*baseline, *other])
    seen = float(np.mean(other) - np.mean(baseline))
    found = []
    for places in combinations(range(len(both)), len(other)):
        chosen = np.zeros(len(both), dtype=bool)
        chosen[list(places)] = True
        found.append(float(both[chosen].mean() - both[~chosen].mean()))
    above = np.mean([one >= seen - 1e-12 for one in found])
    below = np.mean([one <= seen + 1e-12 for one in found])
    return float(2 * min(above, below))


SCORES = st.lists(st.integers(0, 1000), min_size=3, max_size=5, unique=True)


@settings(max_examples=30)
@given(SCORES, SCORES, st.sampled_from([0.05, 0.1, 0.3]))
def test_a_gain_is_inside_where_no_test_rejects_it(
    baseline: list[int], other: list[int], alpha: float
) -> None:
    found = deal(np.array(baseline, float), np.array(other, float))
    assert found is not None
    low, high = found.interval(alpha)
    for gain in (low - 0.001, low + 0.001, high - 0.001, high + 0.001):
        if math.isfinite(gain):
            p = p_value([float(one) for one in baseline], [one - gain for one in other])
            assert (p > alpha + 1e-9) == (low <= gain <= high)


def test_equal_arms_of_any_distribution_are_told_apart_as_seldom_as_promised() -> None:
    draw, wrong, worlds = draws("exact"), 0, 4_000
    for _ in range(worlds):
        found = deal(*(draw.lognormal(0, 2, 4) for _ in range(2)))
        assert found is not None
        low, high = found.interval(2 / 70)
        wrong += low > 0 or high < 0
    assert wrong / worlds == pytest.approx(2 / 70, abs=0.008)
