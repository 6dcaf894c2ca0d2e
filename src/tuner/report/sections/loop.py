"""What a report says in other words where a loop of the user's own was searched, and no case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.metric import LOOP
from tuner.language import phrase
from tuner.report.wording import title_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def is_of_loop(facts: Facts) -> bool:
    """Whether the study is of a loop of the user's own."""
    return facts.get("task") == LOOP


def has_test(facts: Facts) -> bool:
    """Whether the scores that decide are on test rows: a loop may have none."""
    return not is_of_loop(facts) or bool(facts["test_openings"])


def on_test(facts: Facts, title: str) -> str:
    """Write the name of a score that decides: of a metric, or a word for one."""
    metric = title_in_words(title)
    return phrase("test {metric}", metric=metric) if has_test(facts) else metric


def where_the_space_is(facts: Facts) -> str:
    """Say where the ranges of hyperparameters are written."""
    return phrase("the loop") if is_of_loop(facts) else phrase("the case's `suggest`")


def new_trainings(facts: Facts) -> str:
    """Say what differs from one round to the next."""
    return phrase("fresh seeds") if is_of_loop(facts) else phrase("fresh seeds and folds")
