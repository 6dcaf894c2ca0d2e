"""Case files that break the contract are refused with one line, before anything is trained."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from torch import nn

from tests.making import TINY
from tuner.case.contract import Case, Hyperparameters
from tuner.case.loading import load_case
from tuner.case.space import check_arms, check_inside, configurations, parse_fixed, space
from tuner.errors import CaseError
from tuner.evidence.trials.fanova import fanova
from tuner.search.sampler import Samplers
from tuner.study.samplers import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import BaseTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class Own(Hyperparameters):
    width: Any = 8


COUNTED = itertools.count()  # 0 only once


class Undecorated(Own):
    epochs: int = 17


def own_case(**changes: Any) -> Case:
    """The tiny case with hyperparameters of its own."""
    given: dict[str, Any] = {"baseline": Own(), "recipe": Own(), "suggest": lambda _: Own()}
    return replace(load_case(TINY), **{**given, **changes})


@pytest.mark.parametrize("value", [[8, 16], (8, 16), {"a": 1}, 1j])
def test_a_field_that_is_not_a_scalar_is_refused(value: object) -> None:
    with pytest.raises(CaseError, match=r"recipe\.width is a .* bool, int, float or str"):
        own_case(recipe=Own(width=value))


class Activation(StrEnum):
    RELU = "relu"


class Depth(Enum):
    SHALLOW = 1


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (Activation.RELU, "Keep its value, 'relu'"),
        (Depth.SHALLOW, "Keep its value, 1"),
        (np.int64(8), r"Write int\(...\)"),
        ((8, 16), "width_0, width_1"),
        (nn.ReLU, "Keep its name as text"),
    ],
)
def test_a_value_that_a_study_cannot_keep_is_met_with_what_to_write(
    value: object, advice: str
) -> None:
    with pytest.raises(CaseError, match=f"baseline.width is a .*{advice}"):
        own_case(baseline=Own(width=value))
    plain = getattr(value, "value", 8)
    case = own_case(
        baseline=Own(width=plain), recipe=Own(width=plain), suggest=lambda _: Own(width=value)
    )
    with pytest.raises(CaseError, match=f"suggest returns what cannot be kept: .*{advice}"):
        check_arms(case)


def test_a_number_of_numpys_that_is_a_float_is_one() -> None:
    check_arms(own_case(suggest=lambda _: Own(learning_rate=np.float64(1e-3))))


def test_fields_of_a_class_without_the_decorator_are_refused() -> None:
    with pytest.raises(CaseError, match=r"Undecorated has fields of its own .* add the decorator"):
        own_case(baseline=Undecorated())


def test_a_misspelt_task_is_met_with_the_nearest() -> None:
    with pytest.raises(CaseError, match="did you mean 'classification'"):
        own_case(task="clasification")


def test_two_schedules_at_once_are_refused_wherever_they_come_from() -> None:
    with pytest.raises(CaseError, match="step_lr and one_cycle are both on"):
        Own(step_lr=True, one_cycle=True)

    def suggest(trial: BaseTrial) -> Own:
        on = (False, True)
        return Own(
            step_lr=trial.suggest_categorical("step_lr", on),
            one_cycle=trial.suggest_categorical("one_cycle", on),
        )

    with pytest.raises(CaseError, match=r"suggest fails: .*step_lr and one_cycle are both on"):
        space(own_case(suggest=suggest))


def test_a_range_that_depends_on_another_is_joined() -> None:
    def suggest(trial: BaseTrial) -> Own:
        depth = trial.suggest_int("epochs", 1, 3)
        return Own(
            epochs=depth,
            width=trial.suggest_int("width", 4, 16 * depth),
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 10**-depth, log=True),
        )

    case = own_case(suggest=suggest)
    assert space(case)["width"] == IntDistribution(4, 48)
    assert space(case)["learning_rate"] == FloatDistribution(1e-4, 0.1, log=True)
    assert parse_fixed(case, ["width=40"]) == {"width": 40}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_fixed_value_that_some_ranges_do_not_reach_is_used_without_a_warning(
    sampler: str,
) -> None:
    """Warnings are errors here, and Optuna's sampler warns at each such trial."""

    def suggest(trial: BaseTrial) -> Own:
        epochs = trial.suggest_int("epochs", 1, 3)
        return Own(epochs=epochs, width=trial.suggest_int("width", 4, 16 * epochs))

    study, samplers = optuna.create_study(), Samplers(sampler)
    for number in range(12):
        study.sampler = samplers(0, number, {"width": 40, "epochs": 1})
        trial = study.ask()
        assert suggest(trial).width == 40
        study.tell(trial, number)


def test_a_step_that_does_not_divide_the_range_is_accepted() -> None:
    case = own_case(suggest=lambda trial: Own(width=trial.suggest_int("width", 4, 15, step=4)))
    check_arms(case)
    width = space(case)["width"]
    assert isinstance(width, IntDistribution)
    assert (width.low, width.high, width.step) == (4, 12, 4)


def test_only_the_field_that_is_not_given_back_is_named() -> None:
    case = own_case(suggest=lambda trial: Own(width=trial.suggest_int("width", 1, 9) + 1))
    with pytest.raises(CaseError, match="it returns width 9 in place of 8") as error:
        check_arms(case)
    assert "weight_decay" not in str(error.value)


@pytest.mark.parametrize("drawn", [lambda trial: 0.1 * trial.number, lambda _: next(COUNTED)])
def test_suggest_has_to_be_made_of_what_it_draws(drawn: Callable[[Any], float]) -> None:
    def suggest(trial: BaseTrial) -> Own:
        return Own(width=trial.suggest_int("width", 1, 9), weight_decay=drawn(trial))

    with pytest.raises(CaseError, match=r"Compute them only from what it draws, without"):
        check_inside(own_case(suggest=suggest), Own(), "its baseline")


def test_a_name_that_is_not_a_field_is_named() -> None:
    case = own_case(suggest=lambda trial: Own(width=trial.suggest_int("n_units_l0", 1, 9)))
    with pytest.raises(CaseError, match="draws n_units_l0, which Own has no field for"):
        check_arms(case)


def test_a_space_knows_how_many_configurations_it_has() -> None:
    one = own_case(suggest=lambda trial: Own(width=trial.suggest_int("width", 8, 8)))
    assert configurations(space(one)) == 1
    assert configurations(space(load_case(TINY))) is None


def test_a_choice_of_infinity_is_a_choice() -> None:
    assert fanova({"rate": [0.5, math.inf] * 9}, [0.1, 0.9] * 9, 4, 0)["rate"] == pytest.approx(1)
