"""Test scores of the baseline with only some of the changes, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, phrase
from tuner.report.facts.steps import can_be_told, what_others_add
from tuner.report.scored import metric_in
from tuner.report.sections.sureness import by_so_many, fewest_seeds, seeds_per_arm
from tuner.report.wording import (
    as_clause,
    between,
    code,
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
    """Return one paragraph for each subset of the changes that was scored on the test rows."""
    metric = metric_in(facts)
    told = []
    for part in facts.get("parts") or []:
        words = part_in_words(metric, part)
        names = listed([code(name) for name in part["changes"]])
        told.append(phrase("**With only {names}:** {words}", names=names, words=as_clause(words)))
    return told


def confirmed_part(facts: Facts, names: Collection[str]) -> Facts | None:
    """Return the test results of the baseline with exactly these changes; None if not tested."""
    parts = facts.get("parts") or []
    return next((part for part in parts if set(part["changes"]) == set(names)), None)


def simpler_part(facts: Facts) -> list[str]:
    """Return the changes worth trying alone; none if the other changes are needed, or unmeasured.

    Only for a study whose best is proven better than the baseline.
    """
    found, pair = facts["ablation"], facts["comparison"]["best_vs_baseline"]
    if not found or not found["smallest"] or not pair or pair["verdict"] != "better":
        return []
    names: list[str] = found["smallest"]["changes"]
    if len(names) == len(found["changes"]) or what_others_add(found) == "something":
        return []
    part = confirmed_part(facts, names)
    if part is None:
        return names if can_be_told(found) else []
    proven, rest = _verdict(part["over_baseline"]) == "better", _verdict(part["best_over"])
    return names if proven and rest != "better" else []


def _verdict(pair: Facts | None) -> str | None:
    return None if pair is None else pair["verdict"]


def part_in_words(metric: Metric, found: Facts) -> str:
    """Return how a subset of the changes compares with the baseline, and the best with it.

    Args:
        metric: of the study.
        found: `over_baseline`: the subset compared with the baseline; `best_over`: the best
            compared with the subset. Each is None if it was not compared.
    """
    over, rest = found["over_baseline"], found["best_over"]
    if over is None:
        return phrase("A test score is not a number, so it cannot be compared with the baseline.")
    told = {"gain": difference(metric, over["gain"]), "sure": _sure(metric, over)}
    if over["verdict"] == "better":
        text = phrase(
            "It is proven better than the baseline on the test rows: the gain is {gain} ({sure}).",
            **told,
        )
    elif over["verdict"] == "worse":
        text = phrase(
            "It is proven worse than the baseline on the test rows: the gain is {gain} ({sure}).",
            **told,
        )
    else:
        text = phrase(
            "It is not proven better than the baseline on the test rows: the gain is {gain} "
            "({sure}).",
            **told,
        )
        text = joined(text, _too_few(over))
    return text if rest is None else joined(text, _rest_in_words(metric, rest))


def _too_few(over: Facts) -> str:
    """Return that there are too few seeds, if so; the interval may exclude zero all the same."""
    fewest = fewest_seeds(over)
    if over["n"] >= fewest:
        return ""
    return phrase(
        "Fewer than {fewest} seeds cannot tell a gain from chance; {with_more}.",
        fewest=fewest,
        with_more=phrase("run again with `--seeds {fewest}` or more", fewest=fewest),
    )


def _rest_in_words(metric: Metric, rest: Facts) -> str:
    """Return how the best compares with the subset."""
    told = {"gain": difference(metric, rest["gain"]), "sure": _sure(metric, rest)}
    if rest["verdict"] == "better":
        return phrase("The best, with all changes, is better still, by {gain} ({sure}).", **told)
    if rest["verdict"] == "worse":
        return phrase(
            "The best, with all changes, is worse than it: the difference is {gain} ({sure}).",
            **told,
        )
    return phrase(
        "The best, with all changes, is not proven better than it: the difference is {gain} "
        "({sure}).",
        **told,
    )


def _sure(metric: Metric, pair: Facts) -> str:
    seeds = seeds_per_arm(pair)
    if not pair["interval"]:
        return phrase(
            "{seeds}; fewer than {fewest} prove nothing", seeds=seeds, fewest=fewest_seeds(pair)
        )
    low, high = pair["interval"]
    decimals = decimals_of_differences(metric, (high - low) / 2)
    return phrase(
        "95 % interval {interval}, {p}, {seeds}",
        interval=between(*(number(metric.factor * end, decimals) for end in (low, high))),
        p=p_value(pair["p_value"]),
        seeds=by_so_many(pair),
    )
