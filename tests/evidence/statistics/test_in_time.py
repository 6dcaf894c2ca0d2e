"""Test rows that follow each other in time, where neighbours may be alike."""

from __future__ import annotations

from functools import partial

import numpy as np
import optuna
import pytest

from tests.evidence import rates
from tests.evidence.rates import TWO_LOOKS, draws, of_time
from tests.evidence.rows.test_moments import NUMBERS, numbers
from tests.evidence.worlds import equal_in_time
from tuner.case.metric import MAE
from tuner.evidence.rows.predictions import keep_predictions, keep_targets
from tuner.evidence.rows.rowwise import Kept, Rule, by_row
from tuner.evidence.statistics.crossed import compare_rows
from tuner.evidence.statistics.in_time import evenness_in_time, waves, widening_in_time
from tuner.evidence.statistics.looks import WHOLE


def test_rows_that_are_not_alike_have_their_own_variance() -> None:
    draw = draws("white")
    found = [widening_in_time(draw.normal(0, 3, 200)) for _ in range(400)]
    assert np.mean(found) == pytest.approx(1, abs=0.06)
    assert widening_in_time(np.ones(20)) == 1
    assert [waves(rows) for rows in (2, 3, 200, 1_000)] == [1, 1, 13, 16]
    assert evenness_in_time(200) == pytest.approx(13 / 199)


def test_what_lasts_tells_less_by_as_much_as_its_mean_varies() -> None:
    """Each value stands for four rows: a variance of the mean four times as large."""
    draw = draws("lasting")
    found = [widening_in_time(np.repeat(draw.normal(size=250), 4)) for _ in range(400)]
    assert np.mean(found) == pytest.approx(4, rel=0.06)


def test_equal_arms_are_rarely_told_apart_where_neighbours_are_alike() -> None:
    """Row by row, 24 of 100 verdicts were wrong at this correlation."""
    assert of_time(0.8, 150, in_time=False).coverage < 0.85
    assert of_time(0.8, 150, in_time=True).coverage >= 0.94


def test_days_of_many_rows_widen_as_their_number_tells() -> None:
    """40 days of 500 rows: with 294 cosines, most are shorter than a day."""
    draw = draws("days")
    found = [widening_in_time(np.repeat(draw.normal(size=40), 500)) for _ in range(100)]
    assert np.mean(found) == pytest.approx(500, rel=0.1)


def test_a_gain_is_still_seen_where_they_are_not() -> None:
    draw, seen = draws("seen in time"), {False: 0, True: 0}
    for _ in range(100):
        one, other = equal_in_time(draw, 1_000, 0)
        for in_time in seen:
            judge = partial(compare_rows, in_time=in_time)
            seen[in_time] += (
                rates.tested(judge, one + 0.07, other, TWO_LOOKS, 1)[0].verdict == "better"
            )
    assert seen[False] >= seen[True] - 2 >= 0.85 * seen[False] - 2


def test_what_was_kept_in_time_is_compared_in_time() -> None:
    pairs = []
    for in_time in (False, True):
        study = optuna.create_study()
        keep_targets(study, "rows", NUMBERS, in_time=in_time)
        for trial, spread in ((3, 0.5), (5, 0.2)):
            keep_predictions(study, trial, numbers(spread), NUMBERS)
        kept = Kept.among(study.user_attrs)
        assert kept is not None
        pair = by_row(kept, (3, 5), MAE, Rule(WHOLE, exact=True), further=True)
        assert pair is not None
        assert pair["in_time"] == in_time
        pairs.append(pair)
    assert pairs[0]["standard_error"] != pytest.approx(pairs[1]["standard_error"])
