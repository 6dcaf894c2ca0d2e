"""The limits of a study: what the models of the arms cost, and which are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.report.wording import BLANK, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]


def rows_of_limits(facts: Facts, arms: Sequence[str]) -> list[list[str]]:
    """Return a row for each limit: what the model of each arm costs; none without limits."""
    found = facts.get("limits")
    if not found:
        return []
    rows = []
    if found["limits"]["parameters"] is not None:
        limit = found["limits"]["parameters"]
        costs = [found["arms"][name]["parameters"] for name in arms]
        written = [BLANK if cost is None else f"{cost:,}" for cost in costs]
        rows.append([f"parameters (limit {limit:,})", *written])
    if found["limits"]["latency_ms"] is not None:
        limit = found["limits"]["latency_ms"]
        costs = [found["arms"][name]["latency_ms"] for name in arms]
        written = [BLANK if cost is None else f"{cost:.3g} ms" for cost in costs]
        rows.append([f"time for one row (limit {limit:g} ms)", *written])
    return rows


def notes_on_limits(facts: Facts) -> list[str]:
    """Say what was not trained, which arm is over a limit, and what cannot be repeated."""
    found = facts.get("limits")
    if not found:
        return []
    count = facts["trials"]["passed_over"]
    notes = [
        f"- The model may have {found['in_words']} at most. "
        + (
            f"{count} configuration{'' if count == 1 else 's'} needed more, and "
            f"{'was' if count == 1 else 'were'} not trained."
            if count
            else "No configuration needed more."
        )
    ]
    if over := [name for name, arm in found["arms"].items() if arm["breaks"]]:
        are, they = ("is", "it is") if len(over) == 1 else ("are", "they are")
        notes.append(
            f"- The {listed(over)} {are} over the limit, so {they} shown for comparison, and "
            "cannot be the best."
        )
    if found["limits"]["latency_ms"] is not None:
        notes.append(
            "- *Time for one row* was measured before each training, on the machine that searched. "
            "It differs from run to run, so another run may train other configurations."
        )
    return notes
