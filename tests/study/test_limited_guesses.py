"""Guesses that keep a study's limits: which values they change, and which they do not."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import FixedTrial

from tests.making import TINY, make_brief
from tests.sampling import one_in
from tests.study.guessing import own_case, suggest_own, with_guesses
from tuner.case.space import space
from tuner.study.cost import Costs
from tuner.study.guess import likelihood
from tuner.study.guesses import priors_of
from tuner.study.limited_guesses import Excess, within_limits
from tuner.study.limits import GUESSES_MAY, Limits
from tuner.training.cost import parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tuner.study.configuration import StudyConfig

SMALL = Limits(parameters=33)  # of TINY: width 5 has 27 of them, width 6 has 32, width 7 has 37
SIZES = [Limits(cost=cost) for cost in (3, 1, 0.7, 0.4)] + [SMALL]


@pytest.fixture
def config(tmp_path: Path) -> StudyConfig:
    return with_guesses(make_brief(TINY, tmp_path), None)


def measured(config: StudyConfig, params: Mapping[str, Any]) -> tuple[float, int]:
    """Return what a guess costs, and its number of parameters."""
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
        *one_in(5, [(TINY, limits) for limits in SIZES]),
        *(pytest.param("housing", limits, marks=pytest.mark.slow) for limits in SIZES[1:]),
        pytest.param("mnist", Limits(cost=1), marks=pytest.mark.slow),
        pytest.param("mnist", Limits(parameters=50_000), marks=pytest.mark.slow),
        pytest.param("flowers", Limits(cost=2), marks=pytest.mark.slow),
    ],
)
def test_guesses_keep_the_limits_or_are_left_as_they_are(
    reference: str, limits: Limits, tmp_path: Path
) -> None:
    config = with_guesses(make_brief(reference, tmp_path), None)
    free, limited = config.guessed(), replace(config, limits=limits)
    found = within_limits(free, limited)
    assert found == within_limits(free, limited), "the same each time"
    assert len(found) == len(free), "each in its place"
    for before, params in zip(free, found, strict=True):
        assert params == before or not keeps(config, limits, before)
        assert keeps(config, limits, params) or params == before
    can_be_kept = reference == TINY or (limits.cost or 0) >= 1
    assert not can_be_kept or all(keeps(config, limits, one) for one in found)
    assert not can_be_kept or not found or found[0]["learning_rate"] == free[0]["learning_rate"]


def test_what_is_given_up_costs_the_least_likelihood(config: StudyConfig) -> None:
    """Among all networks and durations of TINY, with everything else unchanged."""
    config = replace(config, limits=Limits(cost=0.4))
    case, drawn = config.case, space(config.case)
    known = priors_of(case, config.dataset, config.seed, {})
    free = config.guessed()[0]
    (found,) = within_limits([free], config)
    excess = Excess(config)
    everything = [{**free, "width": w, "epochs": e} for w in range(2, 9) for e in range(2, 7)]
    within = [
        one
        for one in everything
        if excess.of({**asdict(case.suggest(FixedTrial(one))), "batch_size": 16}) == 0
    ]
    assert 0 < len(within) < len(everything)
    best = max(likelihood(one, known, drawn) for one in within)
    assert likelihood(free, known, drawn) > likelihood(found, known, drawn) == best
    assert found in within


@pytest.mark.slow
def test_what_is_fixed_or_written_by_hand_stays(config: StudyConfig) -> None:
    tight = replace(config, limits=Limits(cost=0.4), fixed={"epochs": 6})
    found = within_limits(tight.guessed(), tight)
    assert found
    assert all(one["epochs"] == 6 for one in found)
    own = replace(config.case.baseline, width=8, epochs=6)
    written = replace(with_guesses(config, [own]), limits=Limits(cost=0.4))
    first, *drawn = within_limits(written.guessed(), written)
    assert config.case.suggest(FixedTrial(first)) == own, "a person's guess is as it was written"
    assert all(keeps(config, Limits(cost=0.4), one) for one in drawn)


@pytest.mark.slow
def test_both_limits_are_kept(config: StudyConfig) -> None:
    both = replace(SMALL, cost=0.5)
    for params in within_limits(config.guessed(), replace(config, limits=both)):
        assert keeps(config, both, params)
        assert params["width"] <= 6


@pytest.mark.slow
def test_where_nothing_keeps_them_a_guess_is_left_as_it_is(config: StudyConfig) -> None:
    free = config.guessed()
    for impossible in (Limits(parameters=3), Limits(cost=0.001)):
        assert within_limits(free, replace(config, limits=impossible)) == free


def test_a_model_that_cannot_be_built_is_left_to_its_training(config: StudyConfig) -> None:
    broken = replace(config, fixed={"breaks": True})
    limited = replace(broken, limits=Limits(cost=0.4, parameters=10))
    assert within_limits(limited.guessed(), limited) == broken.guessed()


def test_latency_is_not_looked_at(config: StudyConfig) -> None:
    limited, free = replace(config, limits=Limits(latency_ms=1e-9)), config.guessed()
    assert within_limits(free, limited) == within_limits(free, config) == free


def test_of_an_unknown_model_the_training_is_shortened(config: StudyConfig) -> None:
    def suggest(trial: Any) -> Any:
        return replace(suggest_own(trial), epochs=trial.suggest_int("epochs", 2, 8))

    def build(hyperparameters: Any, shape: Any) -> Any:
        del hyperparameters
        return config.case.build(config.case.baseline, shape)

    own = own_case(config, suggest, build=build)
    (free,) = own.guessed()
    (found,) = within_limits([free], replace(own, limits=Limits(cost=0.5)))
    assert (free["epochs"], found["epochs"]) == (6, 4)
    assert {**found, "epochs": 6} == free


def spaced(config: StudyConfig, suggest: Any, baseline: Any, recipe: Any) -> StudyConfig:
    """TINY with another search space."""
    case = replace(config.case, suggest=suggest, baseline=baseline, recipe=recipe)
    return replace(config, case=case)


def test_numbers_end_as_near_as_the_limit_allows(config: StudyConfig) -> None:
    """A step of a third is too large if a limit is narrowly missed, or exactly met."""
    own = config.case.baseline

    def suggest(trial: Any) -> Any:
        rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
        return replace(own, learning_rate=rate, epochs=trial.suggest_int("epochs", 2, 40))

    long = spaced(config, suggest, own, replace(own, epochs=5))
    free = long.guessed()
    for most in (7.2, 7.0):  # quarters of an epoch: 28 epochs
        found = within_limits(free, replace(long, limits=Limits(cost=most / 2)))
        wanted = [min(one["epochs"], 28) for one in free]
        kept = [one["epochs"] for one in found]
        assert kept == wanted
        assert max(kept) == 28
    exact = replace(long, limits=Limits(cost=free[0]["epochs"] / own.epochs / GUESSES_MAY))
    assert within_limits(free[:1], exact) == free[:1]


@pytest.mark.slow
def test_a_number_can_go_up_and_choices_can_be_none(config: StudyConfig) -> None:
    own = replace(config.case.baseline, batch_size=40)

    def suggest(trial: Any) -> Any:
        width = trial.suggest_categorical("width", (4, 8, 2, None))
        return replace(
            own,
            width=width or 6,
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1.0, log=True),
            batch_size=trial.suggest_int("batch_size", 4, 40, log=True),
        )

    dear = spaced(config, suggest, own, replace(own, width=8, batch_size=20))
    free = dear.guessed()
    limited = replace(dear, limits=Limits(cost=0.6))
    found = within_limits(free, limited)
    assert found[0]["batch_size"] > free[0]["batch_size"]
    assert keeps(limited, limited.limits, found[0])


@pytest.mark.slow
def test_ranges_that_depend_on_what_else_was_drawn(config: StudyConfig) -> None:
    own = replace(config.case.baseline, width=64)

    def suggest(trial: Any) -> Any:
        wide = trial.suggest_categorical("step_lr", (False, True))
        low, high, step = (4, 64, 4) if wide else (64, 512, 64)
        return replace(
            own,
            step_lr=wide,
            width=trial.suggest_int("width", low, high, step=step),
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1.0, log=True),
        )

    wide = spaced(config, suggest, own, replace(own, learning_rate=0.1))
    free, limits = wide.guessed(), Limits(parameters=1_000)
    assert not keeps(wide, limits, free[0])
    found = within_limits(free, replace(wide, limits=limits))
    assert keeps(wide, limits, found[0])
    assert found[0]["width"] == 192, "201 units would have 1,007 parameters"


@pytest.mark.slow
def test_what_is_tried_already_is_not_tried_twice(config: StudyConfig) -> None:
    free = config.guessed()
    tight = replace(config, limits=Limits(cost=0.4))
    found = within_limits(free, tight)
    made = [asdict(config.case.suggest(FixedTrial(one))) for one in found]
    assert found[0] != free[0]
    again = within_limits(free, tight, tried=made[:1])
    assert again[0] == free[0], "over the limit, so it is passed over, and costs nothing"
    twice = within_limits([free[0], dict(free[0])], tight)
    assert twice == [found[0], free[0]]


@pytest.mark.slow
def test_width_goes_before_depth_and_comes_back_where_there_is_room(tmp_path: Path) -> None:
    """For `mnist`, whose widths depend on the number of convolutions per block."""
    config = with_guesses(make_brief("mnist", tmp_path), None)
    free = config.guessed()[0]
    whole, _ = measured(config, free)

    def made(share: float) -> tuple[int, int, int]:
        limited = replace(config, limits=Limits(cost=share * whole / GUESSES_MAY))
        (found,) = within_limits([free], limited)
        assert keeps(config, limited.limits, found)
        return found["convolutions"], found["depth"], found["width"]

    assert made(1.0) == (2, free["depth"], 24)
    assert made(0.8) == (2, free["depth"], 16)
    # With one convolution the largest width fits again, so the first reduction is undone.
    assert made(0.5) == (1, free["depth"], 32)


def with_space(config: StudyConfig, suggest: Callable[[Any], Any]) -> StudyConfig:
    return replace(config, case=replace(config.case, suggest=suggest))


def test_a_number_among_choices_is_as_large_as_the_limits_allow(config: StudyConfig) -> None:
    own, widths = config.case.baseline, (2, 3, 5, 8, 13, 21)

    def suggest(trial: Any) -> Any:
        width = trial.suggest_categorical("width", widths)
        rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
        return replace(own, width=width, learning_rate=rate)

    wide = with_space(config, suggest)
    free = wide.guessed()[0]
    for parameters in (2_000, 60, 45, 33, 20):
        limits = Limits(parameters=parameters)
        (found,) = within_limits([free], replace(wide, limits=limits))
        fits = [w for w in widths if keeps(wide, limits, {**found, "width": w})]
        assert found["width"] == max(fits)


@pytest.mark.parametrize("cost", [1.0, 0.5])
@pytest.mark.slow
def test_what_the_space_refuses_is_not_taken_back(cost: float, config: StudyConfig) -> None:
    own = config.case.baseline

    def suggest(trial: Any) -> Any:
        trial.suggest_int("depth", 1, 4)  # so that no draw looks into the corner beforehand
        width = trial.suggest_int("width", 8, 256, log=True)
        epochs = trial.suggest_int("epochs", 4, 40)
        if width > 236 and epochs <= 6:
            raise ValueError("so wide a network needs more epochs")
        rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
        return replace(own, width=width, epochs=epochs, learning_rate=rate)

    refusing = with_space(config, suggest)
    free = refusing.guessed()
    limits = Limits(cost=cost)
    found = within_limits(free, replace(refusing, limits=limits))
    assert free
    assert all(one and (keeps(refusing, limits, one) or one in free) for one in found)
