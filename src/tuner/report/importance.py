"""Which hyperparameters mattered: a section of report.md, and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from tuner.evidence.importance import EVIDENCE
from tuner.report.charts import BLUE, GREY, INK, ORANGE, our_look
from tuner.report.wording import BLANK, code, count, table
from tuner.search.scoring import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 10
ROW = 0.34  # inches


def importance_section(facts: dict[str, Any], picture: str | None) -> str:
    """Return the section: the most important, with intervals, and whether to believe them."""
    found = facts["importance"]
    if not found or not found["final"]:
        return ""
    early = {
        one["name"]: one for one in (found["early"] or {"hyperparameters": []})["hyperparameters"]
    }
    rows = []
    for one in found["final"]["hyperparameters"][:SHOWN]:
        other = early.get(one["name"])
        rows.append(
            [
                code(one["name"]),
                f"{one['importance']:.0%}",
                " to ".join(f"{end:.0%}" for end in one["interval"]),
                _evidence(one),
                f"{other['importance']:.0%}" if other else BLANK,
                _evidence(other) if other else BLANK,
            ]
        )
    n, shadow = found["final"]["trials"], found["final"]["shadow"]
    header = ["hyperparameter", "importance", "95 % interval", "", "early on", ""]
    parts = ["## What mattered?"]
    if picture:
        parts.append(f"![Importance of hyperparameters, with intervals]({picture})")
    parts.append(table(header, rows))
    note = (
        f"Shares of the variance between the ranks of {count(n, 'complete trial')} (fANOVA), with "
        "a bootstrap over trials. Pure noise came to "
        f"{shadow['importance']:.0%}, and up to {shadow['interval'][1]:.0%}; *evidence* is what "
        f"was above the noise of the same resample in {EVIDENCE:.0%} of them."
    )
    if found["early"]:
        note += (
            f" *Early on*: all {found['early']['trials']} trials, pruned ones too, after "
            f"{found['rung']} of {STAGES} parts of their training, which all of them reached."
        )
    return "\n\n".join([*parts, note])


def _evidence(one: Mapping[str, Any]) -> str:
    return "evidence" if one["beats"] >= EVIDENCE else "no evidence"


def draw_importance(facts: Mapping[str, Any]) -> Figure | None:
    """Draw the importances as bars with intervals, and the level of pure noise."""
    found = facts["importance"]
    if not found or not found["final"]:
        return None
    rows = found["final"]["hyperparameters"][:SHOWN]
    with our_look():
        figure = Figure(figsize=(8.4, 1.1 + ROW * len(rows)), layout="constrained")
        axes = figure.subplots()
        axes.grid(axis="x", visible=True)
        axes.grid(axis="y", visible=False)
        for row, one in enumerate(rows):
            believed = one["beats"] >= EVIDENCE
            axes.barh(row, 100 * one["importance"], height=0.6, color=BLUE if believed else GREY)
            axes.plot([100 * end for end in one["interval"]], [row, row], color=INK, linewidth=1.2)
        axes.axvline(
            100 * found["final"]["shadow"]["interval"][1], color=ORANGE, linestyle=(0, (5, 3))
        )
        axes.annotate(
            "pure noise reaches this",
            (100 * found["final"]["shadow"]["interval"][1], len(rows) - 0.5),
            xytext=(4, 2),
            textcoords="offset points",
            color=ORANGE,
            fontsize=9,
        )
        axes.set_yticks(range(len(rows)), [one["name"] for one in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("importance in % (blue: evidence; grey: none), with 95 % intervals")
        axes.set_title("What mattered to the score")
    return figure
