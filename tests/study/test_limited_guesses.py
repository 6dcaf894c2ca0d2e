"""Guesses that keep a study's limits: what they give up, and what they do not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import FixedTrial

from tests.making import TINY, make_brief
from tests.study.test_guesses import own_case, suggest_own, with_guesses
from tuner.case.space import space
from tuner.study.cost import Costs
from tuner.study.guess import Guess
from tuner.study.guesses import guesses_of, priors_of
from tuner.study.limited_guesses import Excess, within_limits
from tuner.study.limits import GUESSES_MAY, Limits
from tuner.training.cost import parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tuner.study.configuration import StudyConfig

SMALL = Limits(parameters=33)  # of TINY: width 5 has 27 of them, width 6 has 32, width 7 has 37
SIZES = [Limits(cost=cost) for cost in (3, 1, 0.7, 0.4)] + [SMALL]


@pytest.fixture
def config(tmp_path: Path) -> StudyConfig:
    return with_guesses(make_brief(TINY, tmp_path), None)


def measured(config: StudyConfig, params: Mapping[str, Any]) -> tuple[float, int]:
    """What a guess costs, and its parameters."""
    made = config.case.suggest(FixedTrial(dict(params)))
    costs = Costs(config.case, config.dataset, config.plan)
    return costs.of(made), parameters_of(config.case, made, config.dataset)


def keeps(config: StudyConfig, limits: Limits, params: Mapping[str, Any]) -> bool:
    cost, parameters = measured(config, params)
    most = GUESSES_MAY * (limits.cost or math.inf)
    return cost <= most * (1 + 1e-9) and parameters <= (limits.parameters or math.inf)


@pytest.mark.parametrize(
    ("reference", "limits"),
    [
        *((name, limits) for name in (TINY, "housing") for limits in SIZES),
        pytest.param("mnist", Limits(cost=1), marks=pytest.mark.slow),
        pytest.param("mnist", Limits(parameters=50_000), marks=pytest.mark.slow),
        pytest.param("flowers", Limits(cost=2), marks=pytest.mark.slow),
    ],
)
def test_guesses_keep_the_limits_or_are_left_as_they_are(
    reference: str, limits: Limits, tmp_path: Path
) -> None:
    config = with_guesses(make_brief(reference, tmp_path), None)
    free, found = guesses_of(config), guesses_of(replace(config, limits=limits))
    assert found == guesses_of(replace(config, limits=limits)), "the same each time"
    for params in found:
        assert keeps(config, limits, params) or params in free
    if all(keeps(config, limits, one) for one in free):
        assert found == free
    can_be_kept = reference == TINY or (limits.cost or 0) >= 1
    assert not can_be_kept or all(keeps(config, limits, one) for one in found)
    assert not can_be_kept or not found or found[0]["learning_rate"] == free[0]["learning_rate"]


def test_what_is_given_up_costs_the_least_likelihood(config: StudyConfig) -> None:
    """Among all networks and lengths of TINY, whatever else is as it was."""
    config = replace(config, limits=Limits(cost=0.4))
    case, drawn = config.case, space(config.case)
    guess = Guess(vars_of(config), priors_of(case, config.dataset, config.seed, {}))
    excess = Excess(config)
    found, _ = within_limits(guess, config, excess)
    all_of_them = [
        guess.replayed(case, config.seed, {"width": width, "epochs": epochs})
        for width in range(2, 9)
        for epochs in range(2, 7)
    ]
    within = [one for one, made in all_of_them if excess.of(made) == 0]
    assert 0 < len(within) < len(all_of_them)
    best = max(guess.likelihood(one, drawn) for one in within)
    free, _ = guess.replayed(case, config.seed, {})
    assert guess.likelihood(free, drawn) > guess.likelihood(found, drawn) >= best - 1
    assert found in within


def vars_of(config: StudyConfig) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(config.case.baseline)


def test_what_is_fixed_or_written_by_hand_stays(config: StudyConfig) -> None:
    tight = replace(config, limits=Limits(cost=0.4), fixed={"epochs": 6})
    found = guesses_of(tight)
    assert found
    assert all(one["epochs"] == 6 for one in found)
    own = replace(config.case.baseline, width=8, epochs=6)
    first, *drawn = guesses_of(replace(with_guesses(config, [own]), limits=Limits(cost=0.4)))
    assert config.case.suggest(FixedTrial(first)) == own, "a person's guess is as it was written"
    assert all(keeps(config, Limits(cost=0.4), one) for one in drawn)


def test_both_limits_are_kept(config: StudyConfig) -> None:
    both = replace(SMALL, cost=0.5)
    for params in guesses_of(replace(config, limits=both)):
        assert keeps(config, both, params)
        assert params["width"] <= 6


def test_where_nothing_keeps_them_a_guess_is_left_as_it_is(config: StudyConfig) -> None:
    free = guesses_of(config)
    for impossible in (Limits(parameters=3), Limits(cost=0.001)):
        assert guesses_of(replace(config, limits=impossible)) == free


def test_a_model_that_cannot_be_built_is_left_to_its_training(config: StudyConfig) -> None:
    broken = replace(config, fixed={"breaks": True})
    limited = replace(broken, limits=Limits(cost=0.4, parameters=10))
    assert guesses_of(limited) == guesses_of(broken)


def test_latency_is_not_looked_at(config: StudyConfig) -> None:
    assert guesses_of(replace(config, limits=Limits(latency_ms=1e-9))) == guesses_of(config)


def test_of_an_unknown_model_the_training_is_shortened(config: StudyConfig) -> None:
    def suggest(trial: Any) -> Any:
        return replace(suggest_own(trial), epochs=trial.suggest_int("epochs", 2, 8))

    def build(hyperparameters: Any, shape: Any) -> Any:
        del hyperparameters
        return config.case.build(config.case.baseline, shape)

    own = own_case(config, suggest, build=build)
    (free,), (found,) = guesses_of(own), guesses_of(replace(own, limits=Limits(cost=0.5)))
    assert (free["epochs"], found["epochs"]) == (6, 4)
    assert {**found, "epochs": 6} == free
