"""Which change made it so? The measured ablation, and which changes can be dropped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tuner.report.scored import metric_in
from tuner.report.sections.choice import option_for_place, study_word
from tuner.report.sections.part import parts_section
from tuner.report.sections.verdict import of_the_gain
from tuner.report.wording import (
    BLANK,
    code,
    count,
    decimals_of_differences,
    listed,
    number,
    per_cent,
    rest_in_words,
    setting,
    shell,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]

HEADING = "## Which change made it so? Can I drop some?"
HEADER = ["step", "change", "group", "gain", "95 % interval", "in all", "lost without it"]


def changes_section(facts: Facts, picture: str | None) -> str:
    """Return the section; empty where there is no baseline to start from."""
    found = facts["ablation"]
    if found is None:
        return _not_measured(facts)
    metric = metric_in(facts)
    parts = [
        HEADING,
        _most(found, metric),
        _smallest(metric, found),
        *parts_section(facts),
        *_better_half_way(found),
    ]
    if picture:
        parts.append(f"![Gain by change, from the baseline to the best]({picture})")
    if found["path"]:
        rows = [
            [
                str(step),
                _change(one),
                one["group"],
                _write(metric, one["gain"], found),
                _interval(metric, one["interval"], found),
                _write(metric, one["total"], found),
                _write(metric, found["without"].get(one["change"], {}).get("gain"), found),
            ]
            for step, one in enumerate(found["path"], start=1)
        ]
        rows += _rest(metric, found)
        parts += [
            table(HEADER, rows, left=3),
            _explanation(metric, found),
            _groups(found),
        ]
    if not found["complete"]:
        so_far = "" if found["path"] else " before the first step"
        parts.append(f"The time budget ran out{so_far}. The command below continues.")
        parts.append(shell(ablate_command(facts)))
    return "\n\n".join(part for part in parts if part)


def ablate_command(facts: Facts) -> str:
    """Return the command that measures the changes, or continues to."""
    rounds = f" --seeds {facts['ablation']['rounds']}" if facts["ablation"] else ""
    return f"python -m tuner.ablate{option_for_place(facts)}{rounds} {study_word(facts)}"


def _not_measured(facts: Facts) -> str:
    arms = facts["arms"]
    if "baseline" not in arms or arms["baseline"]["trial"] == arms["best"]["trial"]:
        return ""
    return "\n\n".join(
        (
            HEADING,
            *parts_section(facts),
            "It has not been measured yet which change brings how much. This command measures "
            "it: it applies the changes one at a time.",
            shell(ablate_command(facts)),
        )
    )


def _most(found: Facts, metric: Metric) -> str:
    """Say which change mattered most."""
    ranked = sorted(
        (step for step in found["path"] if step["worth"] is not None),
        key=lambda step: -step["worth"],
    )
    if not ranked or not ranked[0]["worth"] > 0:
        return ""
    first = ranked[0]
    lost = found["without"][first["change"]]["gain"]
    unit = metric.unit_of_difference
    text = (
        f"**{code(first['change'])} mattered most:** adding it brought "
        f"{_write(metric, first['gain'], found)}{unit}, and leaving it out of the best costs "
        f"{_write(metric, lost, found)}{unit}."
    )
    if rest := [code(one["change"]) for one in ranked[1:3] if one["worth"] > 0]:
        text += f" Then come {listed(rest)}." if len(rest) > 1 else f" Then comes {rest[0]}."
    return text


def _smallest(metric: Metric, found: Facts) -> str:
    """Say which changes are enough, and which can be dropped."""
    smallest, whole = found["smallest"], found["whole"]["gain"]
    if not smallest:
        if not found["complete"]:
            return ""
        return "On these folds the best is no better than the baseline, so no change is needed."
    changes = listed([code(name) for name in smallest["changes"]])
    if smallest["gain"] is None or whole is None or not whole > 0:
        return (
            f"**The smallest change worth making:** {changes}. The baseline diverged on these "
            "folds, so no share of the gain can be given."
        )
    dropped = [one["change"] for one in found["path"] if one["change"] not in smallest["changes"]]
    dropped += (found["rest"] or {}).get("changes", [])
    every = count(len(found["changes"]), "change")
    share = of_the_gain(smallest["gain"] / whole)
    text = f"**The smallest change worth making:** {changes} ({share} of all {every})."
    doubt = _doubt(metric, found)
    if dropped:
        others = listed([code(name) for name in dropped])
        text += (
            f" What the others brought is too little for these folds to tell: {others}."
            if doubt
            else f" The others can be dropped: {others}."
        )
    return text + doubt


def _rest(metric: Metric, found: Facts) -> list[list[str]]:
    """Return the row of the changes that were not worth a step by themselves; none without any."""
    rest = found["rest"]
    if not rest:
        return []
    names = listed([code(name) for name in rest["changes"]])
    return [
        [
            BLANK,
            f"{rest_in_words(len(rest['changes']))}: {names}",
            BLANK,
            _write(metric, rest["gain"], found),
            _interval(metric, rest["interval"], found),
            _write(metric, found["whole"]["gain"], found),
            BLANK,
        ]
    ]


def _explanation(metric: Metric, found: Facts) -> str:
    unit = f"points of {metric.title}" if metric.unit_of_difference else metric.title
    tried = "At each step all remaining changes were tried."
    if found["at_once"]:
        tried = (
            f"At each step the {found['at_once']} changes were tried that promised most by the "
            "trials of the search, and the next ones where none of these brought its share of what "
            "was left."
        )
    ended = ""
    if found["rest"]:
        ended = (
            "\n- The path ends where the other changes together are not worth a step: they bring "
            "under 5 % of the gain, or under 25 % and the folds cannot tell it from nothing."
        )
    return (
        f"Gains are in {unit}, measured on {count(found['rounds'], 'fresh fold')}; each fold has "
        f"its own seed, the same for all. {tried} After each fold the worse half was dropped; at "
        "the end the best change was kept.\n\n"
        "- *In all*: the gain over the baseline up to this step.\n"
        "- *Lost without it*: what the best loses when only this change is left out.\n"
        "- A step is the largest of several, so the first gains are somewhat too high. Intervals "
        "allow for folds that share training rows. They cover new trainings on these rows, "
        f"not new data.{ended}"
    )


def _doubt(metric: Metric, found: Facts) -> str:
    """Say so where the folds cannot tell the twentieth of the gain that may be left out."""
    if found["whole"]["interval"] is None:
        return (
            " One fold cannot tell whether the smaller changes are needed; run `tuner ablate` with "
            "more `--seeds`."
        )
    low, high = found["whole"]["interval"]
    if high - low < found["whole"]["gain"] / 10:
        return ""
    unit = metric.unit_of_difference
    return (
        f" On these folds the gain of all changes is "
        f"{_interval(metric, found['whole']['interval'], found)}{unit} (95 % interval). That is "
        "too wide to tell whether the smaller changes are needed; run `tuner ablate` with more "
        "`--seeds`."
    )


def _better_half_way(found: Facts) -> list[str]:
    """Say so where the path was better before its end: some changes do harm."""
    totals = [step["total"] if step["total"] is not None else -math.inf for step in found["path"]]
    if not totals:
        return []
    after = [one["change"] for one in found["path"]]
    if (rest := found["rest"]) and found["whole"]["gain"] is not None:
        totals.append(found["whole"]["gain"])
        after += rest["changes"]
    top = max(range(len(totals)), key=totals.__getitem__)
    if totals[top] - totals[-1] <= 1e-6 * abs(totals[-1]):
        return []
    others = listed([code(name) for name in after[top + 1 :]])
    some = "first change does" if top == 0 else f"first {top + 1} changes do"
    return [
        f"On these folds the {some} better than all {len(after)}. To search further from there, "
        f"keep the baseline's value of {others}: name each with `--fix` in a new study."
    ]


def _groups(found: Facts) -> str:
    """Say what share of the gain each group of changes has; empty where it is unknown."""
    if not found["complete"]:
        return ""
    groups: dict[str, float] = {}
    for step in found["path"]:
        groups[step["group"]] = groups.get(step["group"], 0.0) + (step["worth"] or 0.0)
    whole = sum(groups.values())
    if not whole > 0:
        return ""
    shares = ", ".join(f"{group} {per_cent(one / whole)}" for group, one in groups.items())
    return (
        "Share of the gain by group (average of what a change added on the path and what is lost "
        f"without it): {shares}."
    )


def _change(one: Facts) -> str:
    text = f"{code(one['change'])} {setting(one['was'])} → {setting(one['now'])}"
    follows = ", ".join(f"{code(name)} {setting(value)}" for name, value in one["follows"].items())
    return f"{text}, with {follows}" if follows else text


def _write(metric: Metric, gain: float | None, found: Facts) -> str:
    if gain is None or not math.isfinite(gain):
        return BLANK
    decimals = decimals_of_differences(metric, found["whole"]["gain"] or gain)
    return number(metric.factor * gain, decimals + (not metric.per_cent))


def _interval(metric: Metric, interval: Sequence[float] | None, found: Facts) -> str:
    if interval is None:
        return BLANK
    return " to ".join(_write(metric, end, found) for end in interval)
