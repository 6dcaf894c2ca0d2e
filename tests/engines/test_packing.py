from __future__ import annotations

import itertools
import random

import pytest

from tuner.engines.packing import longest_first, that_fit_beside


def ends_after(seconds: list[float], slots: int) -> float:
    """Return when the last of these jobs ends; each starts when a slot becomes free."""
    free_at = [0.0] * slots
    for one in seconds:
        free_at.sort()
        free_at[0] += one
    return max(free_at)


def test_the_longest_is_first_and_equal_ones_stay_in_their_order() -> None:
    assert longest_first({"a": 1.0, "b": 3.0, "c": 1.0, "d": 3.0}) == ["b", "d", "a", "c"]
    assert longest_first({}) == []


@pytest.mark.parametrize("seed", range(20))
def test_it_is_within_a_third_of_the_best_order(seed: int) -> None:
    draw, slots = random.Random(seed), 2 + seed % 3
    lengths = {key: draw.choice([1.0, draw.uniform(1, 9)]) for key in range(6)}
    orders = (list(order) for order in itertools.permutations(lengths.values()))
    best = min(ends_after(order, slots) for order in orders)
    ordered = [lengths[key] for key in longest_first(lengths)]
    assert ends_after(ordered, slots) <= (4 / 3 - 1 / (3 * slots)) * best + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_what_is_added_does_not_end_later(seed: int) -> None:
    draw, slots = random.Random(seed), 1 + seed % 4
    wanted = sorted((draw.uniform(1, 9) for _ in range(draw.randint(1, 7))), reverse=True)
    others = {key: draw.uniform(0.5, 5) for key in range(6)}
    added = that_fit_beside(wanted, others, slots)
    last = ends_after(wanted, slots)
    assert ends_after([*wanted, *added.values()], slots) == pytest.approx(last)
    assert list(added) == sorted(added), "the first of them first"
    for key in others.keys() - added.keys():
        before = [others[one] for one in added if one < key]
        assert ends_after([*wanted, *before, others[key]], slots) > last


def test_nothing_is_added_where_nothing_is_wanted() -> None:
    assert that_fit_beside([], {"a": 1.0}, 2) == {}
    assert that_fit_beside([1.0, 1.0, 1.0], dict.fromkeys("abc", 1.0), 2) == {"a": 1.0}
