"""The baseline with only a part of the changes, on the test rows, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.scored import metric_in
from tuner.report.wording import (
    as_clause,
    code,
    count,
    decimals_of_differences,
    difference,
    listed,
    number,
    p_value,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]


def parts_section(facts: Facts) -> list[str]:
    """Return a paragraph for each part of the changes that has met the test."""
    metric = metric_in(facts)
    told = []
    for part in facts.get("parts") or []:
        words = part_in_words(metric, part)
        names = listed([code(name) for name in part["changes"]])
        told.append(f"**With only {names}:** {as_clause(words)}")
    return told


def confirmed_part(facts: Facts, names: Collection[str]) -> Facts | None:
    """Return what is known on the test rows of the baseline with exactly these changes."""
    parts = facts.get("parts") or []
    return next((part for part in parts if set(part["changes"]) == set(names)), None)


def part_in_words(metric: Metric, found: Facts) -> str:
    """Say how a part compares with the baseline, and the best with it.

    Args:
        found: `over_baseline` and `best_over`.
    """
    over, rest = found["over_baseline"], found["best_over"]
    if over is None:
        return "A test score is not a number, so it cannot be compared with the baseline."
    gain = difference(metric, over["gain"])
    sure = _sure(metric, over)
    if over["verdict"] == "better":
        text = f"It is proven better than the baseline on the test rows: the gain is {gain} {sure}."
    elif over["verdict"] == "worse":
        text = f"It is proven worse than the baseline on the test rows: the gain is {gain} {sure}."
    else:
        text = (
            "It is not proven better than the baseline on the test rows: the gain is "
            f"{gain} {sure}."
        )
    if rest is None:
        return text
    more = f"{difference(metric, rest['gain'])} {_sure(metric, rest)}"
    if rest["verdict"] == "better":
        return f"{text} The best, with all changes, is better still, by {more}."
    if rest["verdict"] == "worse":
        return f"{text} The best, with all changes, is worse than it: the difference is {more}."
    return f"{text} The best, with all changes, is not proven better than it: by {more}."


def _sure(metric: Metric, pair: Facts) -> str:
    seeds = f"{count(pair['n'], 'seed')} per arm"
    if not pair["interval"]:
        return f"({seeds}; fewer than 6 prove nothing)"
    low, high = pair["interval"]
    decimals = decimals_of_differences(metric, (high - low) / 2)
    between = " to ".join(number(metric.factor * end, decimals) for end in (low, high))
    return f"(95 % interval {between}, {p_value(pair['p_value'])}, {seeds})"
