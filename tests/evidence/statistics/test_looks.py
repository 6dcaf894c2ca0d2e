from __future__ import annotations

import numpy as np
import pytest

from tests.evidence.rates import draws
from tuner.evidence.statistics.looks import ALPHA, Plan, Share, alpha_for, is_used_up, most_looks


def test_the_first_look_has_it_all() -> None:
    assert alpha_for(1) == 0.05


def test_twenty_looks_share_it() -> None:
    assert alpha_for(20) == pytest.approx(0.0025)


@pytest.mark.parametrize(("rows", "looks"), [(1, 1), (20, 2), (171, 11), (500, 23), (10_000, 23)])
def test_a_small_test_is_used_up_sooner(rows: int, looks: int) -> None:
    assert most_looks(rows) == looks
    assert not is_used_up(looks, rows)
    assert is_used_up(looks + 1, rows)


def test_a_majority_vote_of_noise_climbs_as_the_rule_says() -> None:
    """Blum & Hardt's attack: random answers, each flipped if the test set prefers the opposite."""
    draw, rows, looks = draws("attack"), 2_000, 23
    climbs = []
    for _ in range(200):
        answers = draw.choice([-1, 1], size=(looks, rows))  # 1 where right
        liked = answers * np.where(answers.sum(axis=1) >= 0, 1, -1)[:, None]
        climbs.append(np.sign(liked.sum(axis=0)).mean() * rows**0.5)
    assert np.mean(climbs) == pytest.approx(2 / np.pi * looks**0.5, rel=0.05)


def test_no_looks_and_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="one at least"):
        alpha_for(0)
    with pytest.raises(ValueError, match="at least one"):
        most_looks(0)


@pytest.mark.parametrize(
    ("tests", "models"), [(1, (4, 8)), (2, (5, 10)), (3, (5, 10)), (4, (6, 12)), (20, (7, 14))]
)
def test_a_test_is_planned_in_two_looks_that_share_its_error(
    tests: int, models: tuple[int, ...]
) -> None:
    plan = Plan.of(tests)
    assert plan.models == models
    assert plan.fewest == models[0]
    rates = [Share(tests, part).alpha for part in plan.parts]
    assert sum(rates) == pytest.approx(alpha_for(tests))
    if tests == 1:
        assert rates == pytest.approx([0.0286, 0.0214], abs=5e-5)


@pytest.mark.parametrize(("tests", "fewest"), [(1, 4), (2, 5), (20, 6)])
def test_one_look_has_all_the_error_of_its_test(tests: int, fewest: int) -> None:
    plan = Plan.of(tests, asked=9)
    assert (plan.models, plan.parts, plan.fewest) == ((9,), (1.0,), fewest)
    assert Share(tests, plan.parts[0]).alpha == ALPHA / tests
