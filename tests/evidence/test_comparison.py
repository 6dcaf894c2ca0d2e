from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.evidence.comparison import compare

scores = st.lists(
    st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=8
)


def test_a_gain_that_every_seed_shows_is_better() -> None:
    found = compare([0.60, 0.61, 0.59, 0.62, 0.60], [0.90, 0.92, 0.91, 0.90, 0.93], "maximize")
    assert found.verdict == "better"
    assert found.gain == pytest.approx(0.308)
    assert found.interval is not None
    # By hand: differences .30 .31 .32 .28 .33, sd 0.019235, t(0.975, 4) = 2.776445.
    assert found.interval == pytest.approx((0.284116, 0.331884), abs=1e-5)
    assert found.n == 5


def test_less_is_better_when_minimizing() -> None:
    assert compare([0.07, 0.08, 0.075], [0.01, 0.012, 0.011], "minimize").verdict == "better"
    assert compare([0.01, 0.012, 0.011], [0.07, 0.08, 0.075], "minimize").verdict == "worse"


def test_a_gain_within_the_noise_is_no_proven_gain() -> None:
    found = compare([0.990, 0.992, 0.991], [0.992, 0.991, 0.992], "maximize")
    assert found.verdict == "no proven gain"
    assert found.gain > 0


def test_one_seed_proves_nothing() -> None:
    found = compare([0.5], [0.9], "maximize")
    assert (found.interval, found.verdict) == (None, "no proven gain")


def test_identical_arms() -> None:
    found = compare([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], "maximize")
    assert (found.gain, found.interval, found.verdict) == (0, (0, 0), "no proven gain")


def test_equal_differences_are_an_interval_without_width_from_three_seeds_on() -> None:
    three = compare([0.5, 0.6, 0.7], [0.6, 0.7, 0.8], "maximize")
    assert three.interval == (three.gain, three.gain)
    assert three.verdict == "better"
    assert compare([0.5, 0.6], [0.6, 0.7], "maximize").verdict == "no proven gain"


@pytest.mark.parametrize(
    ("one", "other"), [([], []), ([0.1], [0.1, 0.2]), ([0.1, float("nan")], [0.1, 0.2])]
)
def test_what_has_no_pairs_of_numbers_is_refused(one: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError):
        compare(one, other, "maximize")


@given(scores)
def test_swapping_the_arms_or_the_direction_turns_the_gain_round(
    pairs: list[tuple[float, float]],
) -> None:
    a, b = [one for one, _ in pairs], [other for _, other in pairs]
    there, back = compare(a, b, "maximize"), compare(b, a, "maximize")
    turned = compare(a, b, "minimize")
    assert there.gain == -back.gain == -turned.gain
    if there.interval is not None and back.interval is not None:
        assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]), abs=1e-12)
        assert there.interval[0] <= there.gain + 1e-12
        assert there.gain - 1e-12 <= there.interval[1]
