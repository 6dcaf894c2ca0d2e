"""Which hyperparameters mattered in the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.wording import BLANK, code, count, listed, per_cent, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

SHOWN = 10


def mattered_section(facts: Facts, picture: str | None) -> str:
    """Return the section: the most important, with intervals, and whether to trust them."""
    found = facts["importance"]
    if not found or not found["final"]:
        return ""
    early_on = found["early"] or {"hyperparameters": []}
    early = {one["name"]: one for one in early_on["hyperparameters"]}
    rows = []
    for one in found["final"]["hyperparameters"][:SHOWN]:
        other = early.get(one["name"])
        rows.append(
            [
                code(one["name"]),
                per_cent(one["importance"]),
                " to ".join(per_cent(end) for end in one["interval"]),
                _evidence(one),
                per_cent(other["importance"]) if other else BLANK,
                _evidence(other) if other else BLANK,
            ]
        )
    header = ["hyperparameter", "importance", "95 % interval", "", "early on", ""]
    parts = ["## Which hyperparameters mattered in the search?", _answer(found)]
    if picture:
        parts.append(f"![Importance of hyperparameters, with intervals]({picture})")
    return "\n\n".join([*parts, table(header, rows), _notes(found)])


def _answer(found: Facts) -> str:
    def believed(part: Facts | None) -> list[str]:
        known = part["hyperparameters"] if part else []
        return [code(one["name"]) for one in known if one["evidence"]]

    final, early = believed(found["final"]), believed(found["early"])
    if final:
        return (
            f"The scores show an effect of {listed(final)}; the others cannot be told from noise."
        )
    if early:
        return (
            f"Early in training, the scores show an effect of {listed(early)}. At the end of "
            "training, no hyperparameter can be told from noise."
        )
    return "No hyperparameter can be told from noise: there are too few complete trials for that."


def _notes(found: Facts) -> str:
    shadow = found["final"]["shadow"]
    notes = [
        f"- *Importance*: the share of the differences between the ranks of "
        f"{count(found['final']['trials'], 'complete trial')} (fANOVA). Intervals come from "
        "drawing the trials again.",
        f"- A column of pure noise scored {per_cent(shadow['importance'])} (at most "
        f"{per_cent(shadow['interval'][1])}). *Evidence* means: above this, and above the noise in "
        f"at least {per_cent(found['share_needed'])} of the draws.",
    ]
    if found["early"]:
        notes.append(
            f"- *Early on*: the same for all {found['early']['trials']} trials, pruned ones too, "
            f"after {found['rung']} of {found['rungs']} parts of their training."
        )
    return "\n".join(notes)


def _evidence(one: Facts) -> str:
    return "evidence" if one["evidence"] else "no evidence"
