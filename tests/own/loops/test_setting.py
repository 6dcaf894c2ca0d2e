from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tuner.errors import UsageError
from tuner.own.loops.events import Suggest
from tuner.own.loops.setting import check_value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

RATE, LAYERS = FloatDistribution(1e-4, 0.1), IntDistribution(1, 3)


@pytest.mark.parametrize(
    ("asked", "value", "said"),
    [
        (RATE, 0.01, None),
        (LAYERS, 2, None),
        (RATE, "1e-3", "lr='1e-3' is a text, and the loop asks for a number; write the number, "),
        (LAYERS, "2", "lr='2' is a text"),
        (RATE, 1, "lr=1 is out of range; it takes 0.0001 to 0.1"),
        (CategoricalDistribution(["18", None]), 18, "write \"lr='18'\""),
        (CategoricalDistribution(["18", None]), None, None),
    ],
)
def test_a_value_that_a_person_has_set_is_held_against_the_range(
    asked: BaseDistribution, value: Any, said: str | None
) -> None:
    if said is None:
        check_value(Suggest("lr", asked), value)
        return
    with pytest.raises(UsageError, match=re.escape(said)):
        check_value(Suggest("lr", asked), value)
