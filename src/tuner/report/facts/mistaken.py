"""The errors of the best on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.evidence.rows.doubt import MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial


def mistakes_facts(
    stored: Mapping[str, Any] | None, arms: Mapping[str, FrozenTrial]
) -> dict[str, Any] | None:
    """Return the entry in report.json; None if it is not about the current best.

    `recall` is the share of a class's rows that are predicted correctly; None for a class without
    rows. Older studies also stored suspects with lower confidence; these are left out.
    """
    if not stored or "best" not in arms or arms["best"].number != stored["trial"]:
        return None
    found = dict(stored)
    if "confusion" in found:
        rows = enumerate(found["confusion"])
        found["recall"] = [row[place] / sum(row) if sum(row) else None for place, row in rows]
    if found.get("suspects"):
        found["suspects"] = [one for one in found["suspects"] if one["probability"] >= MOST]
    return found
