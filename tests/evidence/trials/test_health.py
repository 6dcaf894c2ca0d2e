from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from tuner.evidence.trials.health import Check, check_health

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

MADE: dict[str, Any] = {
    "metric": "accuracy",
    "direction": "maximize",
    "data": {"sizes": {"development": 6000, "validation": 1000, "folds": 1}},
    "trivial": {"metric": 0.5, "loss": 0.7},
    "fixed": {},
    "space": {
        "learning_rate": {"attributes": {"low": 1e-4, "high": 1e-1, "log": True}},
        "depth": {"attributes": {"low": 1, "high": 5, "log": False}},
        "dropout": {"attributes": {"low": 0.0, "high": 0.5, "log": False}},
        "batch_norm": {"attributes": {"choices": [False, True]}},
    },
}
DISTRIBUTIONS: dict[str, optuna.distributions.BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "depth": IntDistribution(1, 5),
    "width": IntDistribution(16, 512, log=True),
    "dropout": FloatDistribution(0.0, 0.5),
}


def trial(
    value: float | None, state: TrialState = TrialState.COMPLETE, **params: Any
) -> FrozenTrial:
    params = {"learning_rate": 1e-3, "depth": 3, "width": 64, "dropout": 0.1, **params}
    curve = [[step, step, 0.5, 0.9, 0.8] for step in range(1, 11)]
    return create_trial(
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        params=params,
        distributions=DISTRIBUTIONS,
        user_attrs={"hyperparameters": params, "curve": curve},
    )


def steady(count: int = 45, pruned: int = 15) -> list[FrozenTrial]:
    """A sound search: its scores improved steadily, and the trials differ."""
    given_up = [trial(None, TrialState.PRUNED, dropout=0.4 + n / 1000) for n in range(pruned)]
    complete = [trial(0.95 - 0.01 * n, dropout=0.2 + n / 1000) for n in range(count - pruned)]
    return [*given_up, *reversed(complete)]


def checks(trials: Sequence[FrozenTrial], **made: Any) -> dict[str, Check]:
    complete = [one for one in trials if one.state == TrialState.COMPLETE]
    best = max(complete, key=lambda one: one.values[0]) if complete else None
    found = check_health(trials, {**MADE, **made}, best)
    assert all(bool(one.advice) != one.good for one in found)
    return {one.name: one for one in found}


def test_a_sound_search_needs_nothing() -> None:
    found = checks(steady())
    assert list(found) == [
        "edges", "failed", "pruned", "progress", "duplicates", "dimensions", "validation"
    ]  # fmt: skip
    assert all(check.good for check in found.values())


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"learning_rate": 0.095}, "learning_rate 0.095 (up to 0.1)"),
        ({"learning_rate": 1.1e-4}, "learning_rate 0.00011 (from 0.0001)"),
        ({"depth": 5}, "depth 5 (up to 5)"),
        ({"width": 16}, "width 16 (from 16)"),
    ],
)
def test_the_best_at_the_edge_of_a_range(params: dict[str, Any], said: str) -> None:
    check = checks([*steady(), trial(0.99, **params)])["edges"]
    assert not check.good
    assert said in check.found


@pytest.mark.parametrize("params", [{"dropout": 0.0}, {"depth": 1}])
def test_a_natural_end_is_no_edge_that_could_be_wider(params: dict[str, Any]) -> None:
    check = checks([*steady(), trial(0.99, **params)])["edges"]
    assert check.good
    assert check.found == "no value of the best trial is at the edge of its range"


DOOR = "table --data k.csv --target y"


def test_ranges_that_nobody_can_change_are_no_step_to_take() -> None:
    """A table or pictures have no case file: their ranges are fixed by tuner."""
    edges = checks([*steady(), trial(0.99, depth=5)], reference=DOOR)["edges"]
    assert (edges.good, edges.advice) == (True, "")
    assert edges.found == (
        "the best trial has values at the edge of their range: depth 5 (up to 5); these ranges are "
        "tuner's own, by the size of the data"
    )


def test_no_advice_for_a_table_is_to_change_a_case() -> None:
    trials = [*steady(30), trial(0.99, depth=5), *steady(16)]
    trials += [trial(0.5)] * 10 + [trial(None, TrialState.FAIL)] * 12
    by_door, by_file = checks(trials, reference=DOOR), checks(trials, reference="mine.py")
    for name in ("edges", "failed", "progress", "duplicates"):
        assert not by_file[name].good
        assert by_door[name].good == (name == "edges")
        for word in ("case", "suggest", "widen", "change"):
            assert word not in by_door[name].advice
    assert "in the case's `suggest`" in by_file["edges"].advice


def test_many_failures() -> None:
    assert checks([*steady(), *[trial(None, TrialState.FAIL)] * 4])["failed"].good
    check = checks([*steady(), *[trial(None, TrialState.FAIL)] * 6])["failed"]
    assert (check.good, check.found) == (False, "6 of 51 trials failed")


@pytest.mark.parametrize(
    ("complete", "pruned", "good"), [(4, 40, False), (40, 1, False), (20, 20, True)]
)
def test_the_share_of_pruned(complete: int, pruned: int, good: bool) -> None:
    assert checks(steady(complete + pruned, pruned))["pruned"].good == good


def test_a_best_that_came_late() -> None:
    check = checks([*steady(), trial(0.99)])["progress"]
    assert check.good
    assert check.found == (
        "the best trial came late, 0 trials before the last of 46: more trials may help"
    )


def test_nothing_better_in_the_last_third() -> None:
    check = checks([*steady(30), trial(0.99), *steady(15)])["progress"]
    assert check.good, "one third of 46 trials are more than 15"
    check = checks([*steady(20), trial(0.99), *steady(26)])["progress"]
    assert (check.good, check.found) == (False, "the last 26 of 47 trials found nothing better")
    assert "--seed" in check.advice
    assert checks([trial(0.99), *steady(18)])["progress"].good, "too few to say"


def test_nothing_better_in_the_last_third_after_a_large_gain() -> None:
    """The half that contains it has gained far more than the noise, so as many more may, too."""
    check = checks([*steady(30), trial(0.99), *steady(16)])["progress"]
    assert (check.good, check.found) == (True, "the last 16 of 47 trials found nothing better")


def test_duplicates() -> None:
    assert checks([*steady(), *[trial(0.5)] * 2])["duplicates"].good
    check = checks([*steady(), *[trial(0.5)] * 10])["duplicates"]
    assert not check.good
    assert check.found.startswith("9 trials repeat")


def test_too_few_trials_for_the_space() -> None:
    check = checks(steady(30))["dimensions"]
    assert (check.good, check.found) == (
        False,
        "30 trials for 4 hyperparameters: fewer than 10 trials for each",
    )
    assert checks(steady(30), fixed={"depth": 3})["dimensions"].good


def test_a_validation_set_that_cannot_tell_the_best_apart() -> None:
    few = {"sizes": {"development": 100, "validation": 20, "folds": 5}}
    check = checks(steady(), data=few)["validation"]
    assert not check.good
    assert check.found == (
        "the 5 best trials differ by 4 points; a score on 100 validation rows has a standard error "
        "of 4 points"
    )


def test_when_minimizing_less_is_the_best() -> None:
    trials = [trial(0.05 + 0.01 * n, dropout=0.2 + n / 1000) for n in range(45)]
    made = {**MADE, "metric": "mae", "direction": "minimize", "trivial": {"metric": 0.8, "loss": 1}}
    found = {one.name: one for one in check_health(trials, made, trials[0])}
    assert found["progress"].found == "the last 44 of 45 trials found nothing better"


def test_nothing_complete_has_no_health() -> None:
    assert checks([trial(None, TrialState.FAIL)]) == {}
