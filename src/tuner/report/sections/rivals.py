"""Is a network the right model for this table? Beside it, a linear model and gradient boosting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.wording import (
    BLANK,
    decimals_of_differences,
    difference_unit,
    factor_of,
    listed,
    loss_title,
    mean_and_std,
    means_and_stds,
    number,
    significant,
    table,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

HEADING = "## Is a network the right model for this table?"


def winners(facts: Facts) -> list[str]:
    """Return names of the rivals that are proven better than the best network, the best first."""
    metric = facts["metric"]
    sign = 1 if metric["direction"] == "maximize" else -1
    better = [
        name
        for name, one in (facts.get("rivals") or {}).items()
        if one["against_best"] and one["against_best"]["verdict"] == "better"
    ]
    return sorted(
        better, key=lambda name: -sign * facts["rivals"][name]["test"][metric["name"]]["mean"]
    )


def rivals_verdict(facts: Facts) -> str:
    """Say on the first screen how rivals do on the same test rows; empty where there are none."""
    rivals, metric = facts.get("rivals") or {}, facts["metric"]["name"]
    if not rivals or "best" not in facts["arms"] or not facts["arms"]["best"]["test"]:
        return ""
    levels = {name: _level(facts, one["test"][metric]) for name, one in rivals.items()}
    own = _level(facts, facts["arms"]["best"]["test"][metric])
    if found := winners(facts):
        named = listed([f"{rivals[name]['title']} ({levels[name]})" for name in found])
        does = "does" if len(found) == 1 else "do"
        return (
            f"**But {named} {does} better on the same test rows than the best network ({own}).** "
            "If the score is all that counts, use that."
        )
    named = listed([f"{one['title']} {levels[name]}" for name, one in rivals.items()])
    behind = all(
        one["against_best"] and one["against_best"]["verdict"] == "worse" for one in rivals.values()
    )
    judged = "The network is proven better" if behind else "Neither is proven better than it"
    return f"On the same test rows: best network {own}, {named}. {judged}."


def rivals_section(facts: Facts) -> str:
    """Return the section: network and rivals side by side; empty where there are none."""
    rivals, metric = facts.get("rivals") or {}, facts["metric"]["name"]
    if not rivals:
        return ""
    arms = {f"network, {name}": one for name, one in facts["arms"].items() if one["test"]}
    models = {**arms, **{one["title"]: one for one in rivals.values()}}
    tests = means_and_stds(metric, [one["test"][metric] for one in models.values()])
    pairs = [one.get("against_best") for one in models.values()]
    spreads = [
        (pair["interval"][1] - pair["interval"][0]) / 2
        for pair in pairs
        if pair and pair["interval"]
    ]
    decimals = min(decimals_of_differences(metric, *spreads), 5) if spreads else 3
    rows = []
    for (name, one), test, pair in zip(models.items(), tests, pairs, strict=True):
        gain = between = BLANK
        if pair:
            gain = number(factor_of(metric) * pair["gain"], decimals) + difference_unit(metric)
            ends = pair["interval"] or ()
            between = " to ".join(number(factor_of(metric) * end, decimals) for end in ends)
        rows.append(
            [
                name,
                one.get("setting", f"trial {one['trial']}" if "trial" in one else BLANK),
                mean_and_std(metric, one["validation"]),
                test,
                *_in_units(facts, one),
                gain,
                between or BLANK,
                _judged(pair),
            ]
        )
    known = _in_units(facts, next(iter(models.values())))
    units = [f"test {loss_title(metric)}, own units"] if known else []
    header = ["model", "setting", f"validation {title(metric)}", f"test {title(metric)}", *units]
    header += ["gain over the best network", "95 % interval", "verdict"]
    return f"{HEADING}\n\n{_answer(facts)}\n\n{table(header, rows, left=2)}\n\n{NOTES}"


NOTES = (
    "- The rivals are scikit-learn's. They get the same rows, and the same folds to choose their "
    "setting by; a few settings were tried, where the network was searched.\n"
    "- All models were trained on all development rows, with the same seeds, and met the test rows "
    "in the same opening.\n"
    "- Intervals cover new trainings and new test rows."
)


def _answer(facts: Facts) -> str:
    rivals = facts["rivals"]
    if found := winners(facts):
        return f"No: {listed([rivals[name]['title'] for name in found])} did better."
    verdicts = {(one["against_best"] or {}).get("verdict") for one in rivals.values()}
    if verdicts == {"worse"}:
        return "Yes: it is proven better than both rivals."
    if verdicts & {None}:
        return "That cannot be said: not all were compared."
    level = [
        one["title"]
        for one in rivals.values()
        if one["against_best"]["verdict"] == "no proven gain"
    ]
    return f"It does as well as the {listed(level)}; no difference is proven."


def _judged(pair: Facts | None) -> str:
    if not pair:
        return BLANK
    return f"**{pair['verdict']}**" if pair["verdict"] != "no proven gain" else pair["verdict"]


def _level(facts: Facts, summary: Facts) -> str:
    """Write a mean test score, and in the target's units where they are known."""
    metric = facts["metric"]["name"]
    level = mean_and_std(metric, {**summary, "std": None})
    return f"{level} {title(metric)}" if metric != "accuracy" else level


def _in_units(facts: Facts, one: Facts) -> list[str]:
    """Return an error in the target's own units, where it has them."""
    target, metric = facts["data"].get("target"), facts["metric"]["name"]
    if facts["task"] != "regression" or not target or metric != "mae":
        return []
    return [significant(one["test"][metric]["mean"] * target["std"], 3)]
