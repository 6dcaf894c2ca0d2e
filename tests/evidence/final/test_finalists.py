from __future__ import annotations

import pytest

from tests.evidence.rates import of_race
from tests.evidence.worlds import CLASSES
from tuner.evidence.final.finalists import most_seeds, seed_spread


def test_a_loop_is_called_no_more_often_than_asked_where_that_proves_nothing() -> None:
    assert (most_seeds(5), most_seeds(6)) == (5, 24)


def test_the_spread_of_seeds_is_without_that_of_rows() -> None:
    scores = [[0.8, 0.9, 1.0], [0.5, 0.6, 0.7], [0.3]]
    assert seed_spread(scores, 0.0) == pytest.approx(0.1)
    assert seed_spread(scores, 0.0064) == pytest.approx(0.06)
    assert seed_spread(scores, 1.0) == 0
    with pytest.raises(ValueError, match="no arm has two scores"):
        seed_spread([[0.8]], 0.0)


def test_the_winner_of_a_race_meets_the_test_with_four_or_eight_new_models() -> None:
    found = of_race(CLASSES, 100, 50, errors=0, worlds=20)
    assert set(found.models) <= {4, 8}
    assert found.verdicts["baseline"] + len(found.models) == 20
