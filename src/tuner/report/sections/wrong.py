"""Section "What is wrong with the baseline?": diagnoses of the arms, and what to try first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, phrase, said, translated
from tuner.report.recalling import recalled
from tuner.report.wording import (
    BLANK,
    arm_word,
    code,
    group_word,
    in_a_row,
    label_word,
    per_cent,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

LEGEND = (
    said(
        "- *Training*, *validation*: the error at the end, relative to always giving the same "
        "answer (100 % is no better than that, 0 % is perfect)."
    ),
    said("- *Since best*: how far the validation error has risen from its lowest point."),
    said(
        "- *Last quarter*: how much of the validation error the last quarter of the training "
        "removed."
    ),
    said("- *Standard error*: how exactly the validation rows can measure the validation error."),
)


def wrong_section(facts: Facts) -> str:
    """Return the section: the answer, one row per arm, and an explanation of each column."""
    found = facts["diagnosis"]
    if not found:
        return ""
    parts = [phrase("## What is wrong with the baseline?")]
    if first := found.get("baseline"):
        told = phrase(
            "**{label}**: {meaning}.",
            label=label_word(first["label"]).capitalize(),
            meaning=recalled(first["meaning"]),
        )
        parts.append(joined(told, _try(first)))
    header = [phrase("arm"), phrase("diagnosis"), phrase("training"), phrase("validation")]
    header += [phrase("since best"), phrase("last quarter"), phrase("standard error")]
    rows = [
        [arm_word(name), label_word(one["label"]), *_shares(one["signs"])]
        for name, one in found.items()
    ]
    parts += [table(header, rows, left=2), "\n".join(translated(one) for one in LEGEND)]
    parts.append(
        phrase(
            "Each arm is compared with the best trial of the search. One that is as good as that "
            "trial and shows no other problem counts as healthy. So does a worse one if its curve "
            "shows no problem: another configuration can still do better. The diagnosis printed "
            "during the search did not know the best trial yet."
        )
    )
    if all(one["label"] == "overfitting" for one in found.values()) and len(found) > 1:
        parts.append(phrase("All arms overfit, so more training rows may help all of them."))
    return "\n\n".join(parts)


def _try(diagnosis: Facts) -> str:
    groups = [
        phrase("{group} ({names})", group=group_word(group), names=in_a_row([*map(code, names)]))
        for group, names in diagnosis["try_first"].items()
    ]
    if not groups:
        return ""
    return phrase("The usual remedies, cheapest first: {groups}.", groups=in_a_row(groups))


def _shares(signs: Mapping[str, float] | None) -> list[str]:
    if signs is None:
        return [BLANK] * 5
    names = ("training", "validation", "growth", "slope", "standard_error")
    return [per_cent(signs[name], 1) for name in names]
