"""Section "Which change made the difference?": the measured ablation, and what can be dropped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tuner.language import joined, nphrase, phrase, said, translated
from tuner.report.facts.steps import can_be_told, what_others_add
from tuner.report.scored import metric_in
from tuner.report.sections.choice import option_for_place, study_word
from tuner.report.sections.part import parts_section
from tuner.report.sections.steps import gain_written, interval_written, notes_on_steps, steps_table
from tuner.report.sections.verdict import of_the_gain
from tuner.report.wording import (
    code,
    count,
    group_word,
    in_a_row,
    listed,
    per_cent,
    shell,
    with_unit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]

HEADING = said("## Which change made the difference? Can I drop some?")


def changes_section(facts: Facts, picture: str | None) -> str:
    """Return the section; an empty string if there is no baseline to start from."""
    found = facts["ablation"]
    if found is None:
        return _not_measured(facts)
    metric = metric_in(facts)
    parts = [
        translated(HEADING),
        *_answers(metric, found),
        *parts_section(facts),
        *_better_half_way(found),
    ]
    if picture:
        caption = phrase("Gain by change, from the baseline to the best")
        parts.append(f"![{caption}]({picture})")
    if found["path"]:
        parts += [steps_table(metric, found), notes_on_steps(metric, found)]
        if can_be_told(found):
            parts.append(_groups(found))
    if not found["complete"]:
        parts.append(
            phrase("The time budget ran out. The command below continues.")
            if found["path"]
            else phrase(
                "The time budget ran out before the first step. The command below continues."
            )
        )
        parts.append(shell(ablate_command(facts)))
    return "\n\n".join(part for part in parts if part)


def ablate_command(facts: Facts, *, times: int = 1) -> str:
    """Return the command that measures the changes, or continues to measure them.

    Args:
        times: factor by which to multiply the number of folds.
    """
    rounds = f" --seeds {times * facts['ablation']['rounds']}" if facts["ablation"] else ""
    return f"tuner ablate{option_for_place(facts)}{rounds} {study_word(facts)}"


def _not_measured(facts: Facts) -> str:
    arms = facts["arms"]
    if not {"baseline", "best"} <= arms.keys() or facts.get("shuffled"):
        return ""
    if arms["baseline"]["trial"] == arms["best"]["trial"]:
        return ""
    return "\n\n".join(
        (
            translated(HEADING),
            *parts_section(facts),
            phrase(
                "It has not been measured yet which change brings how much. This command measures "
                "it: it applies the changes one at a time."
            ),
            shell(ablate_command(facts)),
        )
    )


def _answers(metric: Metric, found: Facts) -> list[str]:
    """Return the most important change and the changes that suffice, or why neither is known."""
    whole = found["whole"]["gain"]
    if can_be_told(found) or whole is None or not whole > 0:
        return [_most(found, metric), _smallest(metric, found)]
    return [
        phrase(
            "**These folds cannot tell which change mattered:** all {every} together gain {gain}, "
            "with a 95 % interval of {interval}, which includes zero. The steps below may be "
            "chance. Run `tuner ablate` with more `--seeds`.",
            every=count(len(found["changes"]), "change"),
            gain=with_unit(metric, gain_written(metric, whole, found)),
            interval=with_unit(metric, interval_written(metric, found["whole"]["interval"], found)),
        )
    ]


def _most(found: Facts, metric: Metric) -> str:
    """Return which change mattered most; an empty string until all steps are measured."""
    if any(step["worth"] is None for step in found["path"]):
        return ""
    ranked = sorted(found["path"], key=lambda step: -step["worth"])
    if not ranked or not ranked[0]["worth"] > 0:
        return ""
    first = ranked[0]
    lost = found["without"][first["change"]]["gain"]
    text = phrase(
        "**{change} mattered most:** adding it brought {gain}, and leaving it out of the best "
        "costs {lost}.",
        change=code(first["change"]),
        gain=with_unit(metric, gain_written(metric, first["gain"], found)),
        lost=with_unit(metric, gain_written(metric, lost, found)),
    )
    rest = [code(one["change"]) for one in ranked[1:3] if one["worth"] > 0]
    if not rest:
        return text
    names = listed(rest)
    return joined(
        text, nphrase("Then comes {names}.", "Then come {names}.", len(rest), names=names)
    )


def _smallest(metric: Metric, found: Facts) -> str:
    """Return which changes suffice, and which can be dropped."""
    smallest, whole = found["smallest"], found["whole"]["gain"]
    if not smallest:
        if not found["complete"]:
            return ""
        return phrase(
            "On these folds the best is no better than the baseline, so no change is needed."
        )
    changes = listed([code(name) for name in smallest["changes"]])
    if smallest["gain"] is None or whole is None or not whole > 0:
        return phrase(
            "**The smallest change worth making:** {changes}. The baseline diverged on these "
            "folds, so no share of the gain can be given.",
            changes=changes,
        )
    dropped = [one["change"] for one in found["path"] if one["change"] not in smallest["changes"]]
    dropped += (found["rest"] or {}).get("changes", [])
    text = phrase(
        "**The smallest change worth making:** {changes} ({share} of all {every}).",
        changes=changes,
        share=of_the_gain(found),
        every=count(len(found["changes"]), "change"),
    )
    if not dropped:
        return text
    chosen = phrase("The same folds chose these changes and measured them, so this is optimistic.")
    return joined(text, chosen, _others(metric, found, dropped))


def _others(metric: Metric, found: Facts, dropped: Sequence[str]) -> str:
    """Return what the other changes add to the smallest sufficient set, paired by fold."""
    names = listed([code(name) for name in dropped])
    left, added = found["smallest"].get("left"), what_others_add(found)
    if left is None or left["interval"] is None:
        return phrase(
            "{folds} cannot tell whether the others are needed: {names}. Run `tuner ablate` with "
            "more `--seeds`.",
            folds=count(found["rounds"], "fold"),
            names=names,
        )
    told = {
        "names": names,
        "gain": with_unit(metric, gain_written(metric, left["gain"], found)),
        "interval": with_unit(metric, interval_written(metric, left["interval"], found)),
    }
    if added == "something":
        return phrase(
            "The others add to these: {gain} together, with a 95 % interval of {interval}. They "
            "are {names}.",
            **told,
        )
    if added == "nothing":
        return phrase("The others can be dropped: {names}.", names=names)
    return phrase(
        "These folds cannot tell whether the others add anything: {names}. Together they add "
        "{interval} (95 % interval). Run `tuner ablate` with more `--seeds`.",
        **told,
    )


def _better_half_way(found: Facts) -> list[str]:
    """Return a remark if the path was better before its end: the later changes do proven harm."""
    totals = [step["total"] if step["total"] is not None else -math.inf for step in found["path"]]
    if not totals:
        return []
    after = [one["change"] for one in found["path"]]
    if (rest := found["rest"]) and found["whole"]["gain"] is not None:
        totals.append(found["whole"]["gain"])
        after += rest["changes"]
    top = max(range(len(totals)), key=totals.__getitem__)
    if totals[top] - totals[-1] <= 1e-6 * abs(totals[-1]) or not _is_loss(found["path"][top]):
        return []
    return [
        nphrase(
            "On these folds the first change does better than all {every}. To search further from "
            "there, keep the baseline's value of {others}: name each with `--fix` in a new study.",
            "On these folds the first {count} changes do better than all {every}. To search "
            "further from there, keep the baseline's value of {others}: name each with `--fix` in "
            "a new study.",
            top + 1,
            count=top + 1,
            every=len(after),
            others=listed([code(name) for name in after[top + 1 :]]),
        )
    ]


def _is_loss(step: Facts) -> bool:
    """Whether the changes after this step are proven to be harmful together."""
    left = step["left"]
    return left["n"] > 1 and (left["interval"] is None or left["interval"][1] < 0)


def _groups(found: Facts) -> str:
    """Return the share of the gain for each group of changes; an empty string if unknown."""
    if not found["complete"]:
        return ""
    groups: dict[str, float] = {}
    for step in found["path"]:
        groups[step["group"]] = groups.get(step["group"], 0.0) + (step["worth"] or 0.0)
    whole = sum(groups.values())
    if not whole > 0:
        return ""
    shares = [f"{group_word(group)} {per_cent(one / whole)}" for group, one in groups.items()]
    return phrase(
        "Share of the gain by group (average of what a change added on the path and what is lost "
        "without it): {shares}.",
        shares=in_a_row(shares),
    )
