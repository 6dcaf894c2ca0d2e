"""Draws the importances: one bar per hyperparameter, coloured by the evidence for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tuner.language import said
from tuner.report.charts.look import BLUE, GREY, INK, ORANGE, our_look
from tuner.report.charts.names import drawable

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 10
ROW = 0.34  # inches


def draw_importance(facts: Mapping[str, Any]) -> Figure | None:
    """Draw the importances as bars with their intervals, and the level of pure noise."""
    found = facts["importance"]
    if not found or not found["final"]:
        return None
    rows = found["final"]["hyperparameters"][:SHOWN]
    noise = 100 * found["final"]["shadow"]["interval"][1]
    names = drawable([one["name"] for one in rows])
    with our_look(*names):
        figure = Figure(figsize=(8.4, 1.1 + ROW * len(rows)), layout="constrained")
        axes = figure.subplots()
        axes.grid(axis="x", visible=True)
        axes.grid(axis="y", visible=False)
        for row, one in enumerate(rows):
            colour = BLUE if one["evidence"] else GREY
            axes.barh(row, 100 * one["importance"], height=0.6, color=colour)
            axes.plot([100 * end for end in one["interval"]], [row, row], color=INK, linewidth=1.2)
        axes.axvline(noise, color=ORANGE, linestyle=(0, (5, 3)))
        axes.annotate(
            said("pure noise reaches this"),
            (noise, len(rows) - 0.5),
            xytext=(4, 2),
            textcoords="offset points",
            color=ORANGE,
            fontsize=9,
        )
        axes.set_yticks(range(len(rows)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel(said("importance in %; the lines: trials drawn again"))
        axes.set_title(said("Which hyperparameters mattered to the score"))
        keys = [
            Patch(color=BLUE, label=said("evidence")),
            Patch(color=GREY, label=said("no evidence")),
        ]
        axes.legend(handles=keys, loc="lower right", fontsize=9)
    return figure
