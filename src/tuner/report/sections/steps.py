"""The steps of the ablation path: one table row per change, and how it was measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tuner.language import joined, phrase, said, translated
from tuner.report.wording import (
    BLANK,
    between,
    code,
    count,
    decimals_of_differences,
    group_word,
    in_a_row,
    listed,
    number,
    rest_in_words,
    setting,
    table,
    title_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuner.case.metric import Metric

    Facts = Mapping[str, Any]

HEADER = (
    *(said("step"), said("change"), said("group"), said("gain"), said("95 % interval")),
    *(said("in all"), said("lost without it")),
)


def steps_table(metric: Metric, found: Facts) -> str:
    """Return a table with one row per step, and one row for the changes that got no step."""
    rows = [
        [
            str(step),
            _change(one),
            group_word(one["group"]),
            gain_written(metric, one["gain"], found),
            interval_written(metric, one["interval"], found),
            gain_written(metric, one["total"], found),
            gain_written(metric, found["without"].get(one["change"], {}).get("gain"), found),
        ]
        for step, one in enumerate(found["path"], start=1)
    ]
    rows += _rest(metric, found)
    return table([translated(one) for one in HEADER], rows, left=3)


def notes_on_steps(metric: Metric, found: Facts) -> str:
    """Return how the steps were measured, and an explanation of each column."""
    title = title_in_words(metric.title)
    told = joined(
        phrase(
            "Gains are in {unit}, measured on {folds}; each fold has its own seed, the same for "
            "all.",
            unit=phrase("points of {metric}", metric=title) if metric.unit_of_difference else title,
            folds=count(found["rounds"], "fresh fold"),
        ),
        phrase(
            "At each step the {at_once} changes were tried that looked best in the trials of the "
            "search, and the next ones if none of these brought its share of the remaining gain.",
            at_once=found["at_once"],
        )
        if found["at_once"]
        else phrase("At each step all remaining changes were tried."),
        phrase("After each fold the worse half was dropped; at the end the best change was kept."),
    )
    notes = [
        phrase("- *In all*: the gain over the baseline up to this step."),
        phrase("- *Lost without it*: what the best loses when only this change is left out."),
        phrase(
            "- A step is the largest of several, so the first gains are somewhat too high. "
            "Intervals allow for folds that share training rows. They cover new trainings on these "
            "rows, not new data."
        ),
    ]
    if found["rest"]:
        notes.append(
            phrase(
                "- The path ends where the other changes together are not worth a step: they "
                "bring under 5 % of the gain, or under 25 % if the folds cannot tell that from "
                "zero."
            )
        )
    return f"{told}\n\n" + "\n".join(notes)


def gain_written(metric: Metric, gain: float | None, found: Facts) -> str:
    """Return a gain with as many decimals as are meaningful for the gain of all changes."""
    if gain is None or not math.isfinite(gain):
        return BLANK
    decimals = decimals_of_differences(metric, found["whole"]["gain"] or gain)
    return number(metric.factor * gain, decimals + (not metric.per_cent))


def interval_written(metric: Metric, interval: Sequence[float] | None, found: Facts) -> str:
    """Return the interval of a gain; blank if there is none."""
    if interval is None:
        return BLANK
    return between(*(gain_written(metric, end, found) for end in interval))


def _rest(metric: Metric, found: Facts) -> list[list[str]]:
    """Return the row of the changes that were too small for a step; no row if there are none."""
    rest = found["rest"]
    if not rest:
        return []
    names = listed([code(name) for name in rest["changes"]])
    which = phrase("{rest}: {names}", rest=rest_in_words(len(rest["changes"])), names=names)
    return [
        [
            BLANK,
            which,
            BLANK,
            gain_written(metric, rest["gain"], found),
            interval_written(metric, rest["interval"], found),
            gain_written(metric, found["whole"]["gain"], found),
            BLANK,
        ]
    ]


def _change(one: Facts) -> str:
    text = f"{code(one['change'])} {setting(one['was'])} → {setting(one['now'])}"
    follows = [f"{code(name)} {setting(value)}" for name, value in one["follows"].items()]
    if not follows:
        return text
    return phrase("{change}, with {follows}", change=text, follows=in_a_row(follows))
