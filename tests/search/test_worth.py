"""The worth of trials: complete ones by score, pruned ones by their rank at that stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from optuna.trial import TrialState, create_trial

from tuner.search.worth import normalized, worths

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def trials(
    sign: int, *given: tuple[TrialState, dict[int, float], float | None]
) -> list[FrozenTrial]:
    made = []
    for number, (state, reports, value) in enumerate(given):
        trial = create_trial(
            state=state,
            value=None if value is None else -sign * value,
            intermediate_values={step: -sign * score for step, score in reports.items()},
        )
        trial.number = number
        made.append(trial)
    return made


@pytest.mark.parametrize("sign", [1, -1])
def test_a_pruned_trial_is_worth_what_others_came_to_that_stood_where_it_stood(sign: int) -> None:
    values, doubts = worths(
        trials(
            sign,
            (COMPLETE, {2: 5.0, 10: 2.0}, 1.0),
            (COMPLETE, {2: 7.0, 10: 4.0}, 2.0),
            (COMPLETE, {2: 9.0, 10: 8.0}, 6.0),
            (PRUNED, {2: 7.0}, None),  # stood as the second did
            (PRUNED, {2: 1.0}, None),  # ahead of all; no better than the best
            (PRUNED, {2: 20.0}, None),  # behind all
            (PRUNED, {2: 9.0, 10: 9.0}, None),  # behind all, and later
            (FAIL, {}, None),  # diverged
        ),
        sign,
    )
    assert values[3] == pytest.approx(values[1])
    assert values[4] == pytest.approx(values[0])
    assert values[2] < values[6] < values[5] < values[7]
    assert values[0] < values[1] < values[2]
    assert doubts.tolist() == [0, 0, 0, *[doubts[3]] * 5]
    assert doubts[3] > 0
    assert values.mean() == pytest.approx(0)
    assert values.std() == pytest.approx(1)


def test_numbers_that_are_not_finite_are_at_the_end() -> None:
    given = trials(
        -1,
        *((COMPLETE, {1: float(one)}, float(one)) for one in (1, 2, 3)),
        (COMPLETE, {1: np.nan}, float("inf")),
        (PRUNED, {1: float("nan")}, None),
    )
    values, _ = worths(given, -1)
    assert np.isfinite(values).all()
    assert values[0] < values[1] < values[2] <= values[3] < values[4]


@pytest.mark.parametrize(
    "values",
    [
        [0.004, 0.0045, 0.3, 0.9, 0.01],
        [-1e9, -5.0, -4.0, 0.0],
        [1e-300, 2e-300, 1.0],
        [0.99, 0.9901, 0.9902, 0.99021],
        [1.0, 1.0, 1.0],
        [0.0, 1e300, 5.0],
    ],
)
def test_the_order_of_scores_stays(values: list[float]) -> None:
    found = normalized(np.array(values))
    assert np.isfinite(found).all()
    assert (np.argsort(found, kind="stable") == np.argsort(values, kind="stable")).all()
