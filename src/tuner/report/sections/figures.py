"""Formats levels and gains of arms with as many decimals as are meaningful."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.scored import metric_in
from tuner.report.sections.loop import on_test
from tuner.report.wording import (
    between,
    decimals_for,
    level_of,
    number,
    with_unit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]


def figures(facts: Facts, arm: str) -> tuple[str, tuple[str, str], str]:
    """Return the name of the score, the levels of baseline and arm, and the gain's interval."""
    metric, pair = metric_in(facts), facts["comparison"][f"{arm}_vs_baseline"]
    was, now = (
        level_of(metric, facts["arms"][name]["test"][metric.name]["mean"])
        for name in ("baseline", arm)
    )
    low, high = gain_interval(facts, pair) or (0.0, 0.0)
    # Use as many decimals as the width of the interval justifies, and do not round an end to zero
    # unless it is negligible.
    ends = (end for end in (low, high) if abs(end) > (high - low) / 100)
    decimals = decimals_of(metric, was, now, *ends, (high - low) / 2)
    if pair["verdict"] == "worse":
        low, high = -high, -low
    interval = with_unit(metric, between(number(low, decimals), number(high, decimals)))
    levels = written(metric, was, decimals), written(metric, now, decimals)
    return on_test(facts, metric.level_title), levels, interval


def gain_interval(facts: Facts, pair: Facts) -> tuple[float, float] | None:
    """Return the interval of a gain in the units of a difference: points for an accuracy."""
    factor = metric_in(facts).factor
    return pair["interval"] and (factor * pair["interval"][0], factor * pair["interval"][1])


def level_or_none(metric: Metric, score: float | None) -> float | None:
    """Return the level that is shown for a score; None if there is no score."""
    return None if score is None else level_of(metric, score)


def decimals_of(metric: Metric, *values: float) -> int:
    """Return how many decimals are meaningful for levels and differences of a metric."""
    least = 1 if metric.per_cent else 0
    most = 3 if metric.per_cent else 6
    smallest = decimals_for(*(value for value in values if abs(value) > 1e-9), least=least)
    return min(smallest + (not metric.per_cent), most)


def written(metric: Metric, level: float, decimals: int) -> str:
    """Return a level with its unit."""
    return number(level, decimals) + metric.unit
