from __future__ import annotations

import pytest

from tests.evidence.rates import of_race
from tests.evidence.worlds import CLASSES
from tuner.evidence.certainty import guess
from tuner.evidence.finalists import most_seeds, seed_spread, seeds_to_test

ROWS_RULE = guess(0.05, classes=True)
SEEDS_RULE = guess(0.01, classes=True, seed_spread=0.01)


def test_where_seeds_decide_there_are_many() -> None:
    assert seeds_to_test(SEEDS_RULE, 0.0, 10_000, 6) > 20


def test_where_rows_decide_there_are_fewer() -> None:
    few = guess(0.05, classes=True, differing=0.0)
    assert seeds_to_test(few, 0.0, 171, 6) == 6
    assert seeds_to_test(ROWS_RULE, 0.0, 171, 6) < seeds_to_test(SEEDS_RULE, 0.0, 10_000, 6)


def test_a_plain_gain_takes_no_more_than_asked_for() -> None:
    assert seeds_to_test(SEEDS_RULE, 0.2, 10_000, 6) == 6
    assert seeds_to_test(SEEDS_RULE, -0.2, 10_000, 6) > 6


def test_fewer_seeds_than_prove_anything_stay_that_few() -> None:
    assert [seeds_to_test(SEEDS_RULE, 0.0, 10_000, fewest) for fewest in (1, 2, 5)] == [1, 2, 5]
    assert (most_seeds(5), most_seeds(6)) == (5, 24)


def test_the_spread_of_seeds_is_without_that_of_rows() -> None:
    scores = [[0.8, 0.9, 1.0], [0.5, 0.6, 0.7], [0.3]]
    assert seed_spread(scores, 0.0) == pytest.approx(0.1)
    assert seed_spread(scores, 0.0064) == pytest.approx(0.06)
    assert seed_spread(scores, 1.0) == 0
    with pytest.raises(ValueError, match="no arm has two scores"):
        seed_spread([[0.8]], 0.0)


def test_a_race_runs_no_more_rounds_than_fresh_models_need() -> None:
    found = of_race(CLASSES, 100, 50, "fresh", errors=0, worlds=20)
    assert all(6 <= count <= 24 for count in found.seeds)
    assert found.verdicts["baseline"] + len(found.seeds) == 20
