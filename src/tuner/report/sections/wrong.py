"""What is wrong with the baseline? The diagnosis of each arm, and what to try first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.wording import BLANK, code, per_cent, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

LEGEND = """- *Training*, *validation*: the error at the end, relative to always giving the same \
answer (100 % is no better than that, 0 % is perfect).
- *Since best*: how far the validation error has risen from its lowest point.
- *Last quarter*: how much of the validation error the last quarter of the training removed.
- *Standard error*: how exactly the validation rows can measure the validation error."""


def wrong_section(facts: Facts) -> str:
    """Return the section: the answer, a row an arm, and what each column says."""
    found = facts["diagnosis"]
    if not found:
        return ""
    parts = ["## What is wrong with the baseline?"]
    if first := found.get("baseline"):
        parts.append(
            f"**{first['label'].capitalize()}**: {first['meaning']}. {_try(first)}".strip()
        )
    header = ["arm", "diagnosis", "training", "validation", "since best", "last quarter"]
    rows = [[name, one["label"], *_shares(one["signs"])] for name, one in found.items()]
    parts += [table([*header, "standard error"], rows, left=2), LEGEND]
    parts.append(
        "Each arm is compared with the best trial of the search. It counts as healthy if it is as "
        "good as that trial and shows no other problem. The diagnosis printed during the search "
        "did not know the best trial yet."
    )
    if all(one["label"] == "overfitting" for one in found.values()) and len(found) > 1:
        parts.append("All arms overfit, so more training rows would probably help all of them.")
    return "\n\n".join(parts)


def _try(diagnosis: Facts) -> str:
    groups = [
        f"{group} ({', '.join(map(code, names))})"
        for group, names in diagnosis["try_first"].items()
    ]
    if not groups:
        return ""
    return f"The usual remedies, cheapest first: {', '.join(groups)}."


def _shares(signs: Mapping[str, float] | None) -> list[str]:
    if signs is None:
        return [BLANK] * 5
    names = ("training", "validation", "growth", "slope", "standard_error")
    return [per_cent(signs[name], 1) for name in names]
