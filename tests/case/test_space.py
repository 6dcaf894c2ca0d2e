from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tests.making import TINY
from tuner.case.loading import load_case
from tuner.case.space import parse_fixed, space
from tuner.errors import UsageError

CASE = load_case(TINY)


def test_the_space_has_what_only_a_condition_asks_for() -> None:
    found = space(CASE)
    assert set(found) == {
        "breaks",
        "dropout",
        "epochs",
        "learning_rate",
        "step_lr",
        "step_size",
        "width",
    }
    assert found["step_size"] == IntDistribution(1, 3)
    assert found["step_lr"] == CategoricalDistribution((False, True))
    assert found["learning_rate"] == FloatDistribution(1e-4, 1.0, log=True)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (["width=3"], {"width": 3}),
        (["dropout=0"], {"dropout": 0.0}),
        (["step_lr=true", "step_size=2"], {"step_lr": True, "step_size": 2}),
        (["step_lr=False"], {"step_lr": False}),
        (["learning_rate=1e-3"], {"learning_rate": 1e-3}),
        (["width=3,dropout=0"], {"width": 3, "dropout": 0.0}),
        (["width=3,dropout=0", "step_lr=False"], {"width": 3, "dropout": 0.0, "step_lr": False}),
        ([], {}),
    ],
)
def test_fixed_hyperparameters_are_read(given_: list[str], expected: dict[str, object]) -> None:
    assert parse_fixed(CASE, given_) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width", "has no value"),
        ("wdith=3", "no hyperparameter 'wdith'; did you mean 'width'"),
        ("=3", "no hyperparameter ''"),
        ("width=100", "out of range; it takes 2 to 8"),
        ("width=2.5", "is not a whole number"),
        ("width=wide", "is not a number"),
        ("width=True", "is not a number"),
        ("dropout=nan", "is not a number"),
        ("dropout=1e999", "out of range"),
        ("width=2,3", "width=2,3 is not a number"),
        ("width=2,width=3", "--fix names width twice"),
        ("width=2,wdith=3", "no hyperparameter 'wdith'"),
        ("step_lr=maybe", "is not one of its choices: False, True"),
        ("width=__import__('os')", "is not a number"),
    ],
)
def test_wrong_fixes_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_fixed(CASE, [text])


@settings(max_examples=200)
@given(name=st.sampled_from([*space(CASE), "x"]), value=st.text(max_size=20))
def test_no_text_breaks_the_parser(name: str, value: str) -> None:
    try:
        fixed = parse_fixed(CASE, [f"{name}={value}"])
    except UsageError:
        return
    assert set(fixed) == {name}
