"""Section "What should I use?": the arms' scores and settings, and how the best was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import phrase
from tuner.report.sections.choice import reason
from tuner.report.sections.race import race
from tuner.report.sections.scores import arms_in_columns, notes_on_scores, scores_table
from tuner.report.wording import (
    BLANK,
    arm_word,
    code,
    in_a_row,
    setting,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def use_section(facts: Facts) -> str:
    """Return the section; an empty string without a complete trial."""
    if not facts["arms"]:
        return ""
    return "\n\n".join(
        part
        for part in (
            phrase("## What should I use?"),
            reason(facts),
            scores_table(facts),
            notes_on_scores(facts),
            _settings(facts),
            race(facts),
        )
        if part
    )


def _settings(facts: Facts) -> str:
    """Return the arms' hyperparameters: a table of those that differ, and a list of the others."""
    arms = {name: arm["hyperparameters"] for name, arm in arms_in_columns(facts).items()}
    names = list(dict.fromkeys(name for values in arms.values() for name in values))
    values = {name: [setting(arm.get(name, BLANK)) for arm in arms.values()] for name in names}
    differing = [name for name in names if len(set(values[name])) > 1]
    equal = [f"{code(name)} {values[name][0]}" for name in names if name not in differing]
    if not differing:
        return phrase("All arms have the same hyperparameters.") if names else ""
    rows = [
        [code(name), *(_marked(value, values[name][0]) for value in values[name])]
        for name in differing
    ]
    parts = [
        phrase("All hyperparameters that differ (in bold: not the baseline's value):"),
        table([phrase("hyperparameter"), *map(arm_word, arms)], rows),
    ]
    if equal:
        parts.append(phrase("The others are the same for all: {equal}.", equal=in_a_row(equal)))
    return "\n\n".join(parts)


def _marked(value: str, baseline: str) -> str:
    return value if value == baseline else f"**{value}**"
