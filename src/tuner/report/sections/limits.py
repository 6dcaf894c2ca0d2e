"""The limits of a study: the costs of the arms' models, and which of them exceed a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.language import joined, nphrase, phrase
from tuner.report.wording import BLANK, arm_word, duration, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Facts = Mapping[str, Any]


def rows_of_limits(facts: Facts, arms: Sequence[str]) -> list[list[str]]:
    """Return one table row per limit, with the cost of each arm's model; no rows without limits."""
    found = facts.get("limits")
    if not found:
        return []
    rows = []
    if found["limits"]["parameters"] is not None:
        limit = found["limits"]["parameters"]
        costs = [found["arms"][name]["parameters"] for name in arms]
        written = [BLANK if cost is None else f"{cost:,}" for cost in costs]
        rows.append([phrase("parameters (limit {limit:,})", limit=limit), *written])
    if found["limits"]["latency_ms"] is not None:
        limit = found["limits"]["latency_ms"]
        costs = [found["arms"][name]["latency_ms"] for name in arms]
        written = [BLANK if cost is None else phrase("{cost:.3g} ms", cost=cost) for cost in costs]
        rows.append([phrase("time for one row (limit {limit:g} ms)", limit=limit), *written])
    return rows


def _in_words(limits: Facts) -> str:
    """Return the limits on parameters and latency as part of a sentence; empty without limits."""
    told = []
    if limits["parameters"] is not None:
        told.append(phrase("{count:,} parameters", count=limits["parameters"]))
    if limits["latency_ms"] is not None:
        told.append(phrase("{limit:g} ms a row", limit=limits["latency_ms"]))
    return listed(told) if told else ""


def _of_a_training(found: Facts) -> str:
    """Return the limit on the cost of a training, and who set it; an empty string if none."""
    cost, allowed = found["limits"].get("cost"), found.get("allowed")
    if cost is None:
        return ""
    if allowed is None or allowed["cost"] != cost:
        if cost == 1:
            return phrase("A trial may compute no more than the baseline.")
        return phrase("A trial may compute {cost:g} times as much as the baseline.", cost=cost)
    if cost == 1:
        return phrase(
            "So that the study fits into its time budget of {budget}, a trial may compute no more "
            "than the baseline.",
            budget=duration(allowed["seconds"]),
        )
    return phrase(
        "So that the study fits into its time budget of {budget}, a trial may compute {cost:g} "
        "times as much as the baseline.",
        budget=duration(allowed["seconds"]),
        cost=cost,
    )


def notes_on_limits(facts: Facts) -> list[str]:
    """Return what was not trained, which arms exceed a limit, and why a repeat may differ."""
    found = facts.get("limits")
    if not found:
        return []
    count, said = facts["trials"]["passed_over"], list[str]()
    if words := _in_words(found["limits"]):
        said.append(phrase("The model may have {limits} at most.", limits=words))
    if cost := _of_a_training(found):
        said.append(cost)
    notes = [
        "- "
        + joined(
            *said,
            nphrase(
                "{count} configuration needed more, and was not trained.",
                "{count} configurations needed more, and were not trained.",
                count,
                count=count,
            )
            if count
            else phrase("No configuration was left out for this reason."),
        )
    ]
    if over := [arm_word(name) for name, arm in found["arms"].items() if arm["breaks"]]:
        notes.append(
            nphrase(
                "- The {arms} is over the limit, so it is shown for comparison, and cannot be the "
                "best.",
                "- The {arms} are over the limit, so they are shown for comparison, and cannot be "
                "the best.",
                len(over),
                arms=listed(over),
            )
        )
    if found["limits"]["latency_ms"] is not None:
        notes.append(
            phrase(
                "- *Time for one row* was measured before each training, on the machine that "
                "searched. It differs from run to run, so another run may train other "
                "configurations."
            )
        )
    return notes
