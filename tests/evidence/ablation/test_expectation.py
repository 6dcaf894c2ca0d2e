"""The score of an untrained configuration, as predicted from the trials of the search."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.evidence.ablation.expectation import expectation

if TYPE_CHECKING:
    from collections.abc import Mapping


def trial(number: int, values: Mapping[str, Any], score: float, *, pruned: bool) -> FrozenTrial:
    """A trial whose score at stage 2 is half of its final score."""
    made = create_trial(
        state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
        value=score / 2 if pruned else score,
        intermediate_values={2: score / 2} if pruned else {2: score / 2, 20: score},
        user_attrs={"hyperparameters": dict(values)},
    )
    made.number = number
    return made


@pytest.mark.parametrize("sign", [1, -1])
def test_what_helped_is_expected_to_help(sign: int) -> None:
    draw = random.Random(0)
    trials = []
    for number in range(40):
        values: dict[str, Any] = {
            "rate": draw.random(),
            "kind": draw.choice(["a", "b"]),
            "noise": draw.random(),
        }
        if draw.random() < 0.5:
            values["depth"] = draw.randint(1, 3)
        score = values["rate"] + 0.5 * (values["kind"] == "b")
        trials.append(trial(number, values, sign * score, pruned=number % 2 == 1))
    expect = expectation(trials, sign, seed=0)
    again = expectation(trials, sign, seed=0)
    assert expect is not None
    assert again is not None
    low, high = ({"rate": rate, "kind": "a", "noise": 0.5} for rate in (0.1, 0.9))
    assert expect(high) > expect(low)
    assert expect({**high, "kind": "b"}) > expect(high)
    assert expect({**low, "kind": "unseen", "depth": float("nan")}) == pytest.approx(
        again({**low, "kind": "unseen", "depth": float("nan")}), abs=0
    )


def test_too_few_trials_say_nothing() -> None:
    seven = [trial(number, {"rate": number}, number, pruned=False) for number in range(7)]
    assert expectation(seven, 1, 0) is None
    equal = [trial(number, {"rate": number}, 1.0, pruned=False) for number in range(9)]
    assert expectation(equal, 1, 0) is None
    assert expectation([], 1, 0) is None
