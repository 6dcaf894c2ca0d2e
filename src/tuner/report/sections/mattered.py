"""Section "Which hyperparameters mattered in the search?": importances with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import phrase
from tuner.report.wording import BLANK, between, code, count, listed, per_cent, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

SHOWN = 10


def mattered_section(facts: Facts, picture: str | None) -> str:
    """Return the section: the most important hyperparameters, and the evidence for each."""
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
                between(*(per_cent(end) for end in one["interval"])),
                _evidence(one),
                per_cent(other["importance"]) if other else BLANK,
                _evidence(other) if other else BLANK,
            ]
        )
    header = [phrase("hyperparameter"), phrase("importance"), phrase("drawn again"), ""]
    header += [phrase("early on"), ""]
    parts = [phrase("## Which hyperparameters mattered in the search?"), _answer(found)]
    if picture:
        caption = phrase("Importance of hyperparameters, with intervals")
        parts.append(f"![{caption}]({picture})")
    return "\n\n".join([*parts, table(header, rows), _notes(found)])


def _answer(found: Facts) -> str:
    def believed(part: Facts | None) -> list[str]:
        known = part["hyperparameters"] if part else []
        return [code(one["name"]) for one in known if one["evidence"]]

    final, early = believed(found["final"]), believed(found["early"])
    if final:
        return phrase(
            "The scores show an effect of {names}; the others cannot be told from noise.",
            names=listed(final),
        )
    if early:
        return phrase(
            "Early in training, the scores show an effect of {names}. At the end of training, no "
            "hyperparameter can be told from noise.",
            names=listed(early),
        )
    return phrase(
        "No hyperparameter can be told from noise: there are too few complete trials for that."
    )


def _notes(found: Facts) -> str:
    shadow = found["final"]["shadow"]
    notes = [
        phrase(
            "- *Importance*: a random forest learns the ranks of {trials}. The importance of a "
            "hyperparameter is its share of all that single ones explain there (fANOVA). Noise "
            "gets a share too: the fewer trials, the larger.",
            trials=count(found["final"]["trials"], "complete trial"),
        ),
        phrase(
            "- *Drawn again*: when the trials are resampled, 95 of 100 such shares are in this "
            "range. It shows how much depends on single trials. With endless trials, the share "
            "may be outside the range."
        ),
        phrase(
            "- A column of pure noise scored {noise} (at most {most}). *Evidence* means: above "
            "{times} times that maximum, and above the noise in at least {share} of the draws.",
            times=found.get("times_noise", 1),
            noise=per_cent(shadow["importance"]),
            most=per_cent(shadow["interval"][1]),
            share=per_cent(found["share_needed"]),
        ),
    ]
    if missing := found["final"].get("missing"):
        notes.append(
            phrase(
                "- Only some of these trials asked for {names}, so their importance is not known.",
                names=listed([code(name) for name in missing]),
            )
        )
    if found["early"]:
        notes.append(
            phrase(
                "- *Early on*: the same for all {trials} trials, pruned ones too, after {rung} of "
                "{rungs} parts of their training.",
                trials=found["early"]["trials"],
                rung=found["rung"],
                rungs=found["rungs"],
            )
        )
    return "\n".join(notes)


def _evidence(one: Facts) -> str:
    return phrase("evidence") if one["evidence"] else phrase("no evidence")
