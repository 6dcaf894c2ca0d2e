"""Errors of a regression in the target's own units, compared with those of a trivial predictor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import phrase
from tuner.report.scored import metric_in
from tuner.report.wording import in_turn, significant, title_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

MOST_DIGITS = 6  # significant digits; errors that agree in all of them count as equal


def in_target_units(facts: Facts) -> str:
    """Return the errors of baseline and best in the target's units.

    An empty string for classification, for studies of versions that did not store the target's
    scale, and if no arm was tested.
    """
    target = facts["data"].get("target")
    if facts["task"] != "regression" or not target:
        return ""
    metric = metric_in(facts)
    errors = {
        name: arm["test"][metric.name]["mean"]
        for name, arm in facts["arms"].items()
        if metric.name in arm["test"] and arm["test"][metric.name]["mean"] is not None
    }
    if not {"baseline", "best"} <= errors.keys() or metric.of_target is None:
        return ""
    was, now = _apart(*(errors[name] * target["std"] for name in ("baseline", "best")))
    parts = {"metric": title_in_words(metric.of_target), "now": now}
    errors_are = (
        phrase("In the units of the target, the {metric} is {now}", **parts)
        if was == now
        else phrase(
            "In the units of the target, the {metric} went from {was} to {now}", **parts, was=was
        )
    )
    if facts["constant"] is None:  # earlier versions did not keep the test rows
        trivial = phrase(
            "a model that always gives the median has {trivial} on the development rows.",
            trivial=significant(target["trivial_mae"], 3),
        )
    else:
        trivial = phrase(
            "a model that always gives the median of these rows has {trivial}.",
            trivial=significant(facts["constant"] * target["std"], 3),
        )
    return in_turn([errors_are, trivial])


def _apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers with three digits, or with as many more as distinguish them."""
    for digits in range(3, MOST_DIGITS + 1):
        first, second = significant(one, digits), significant(other, digits)
        if first != second:
            return first, second
    return significant(one, 3), significant(other, 3)
