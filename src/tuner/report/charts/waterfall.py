"""Draws an ablation: one bar per change, each from where the one before it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from tuner.language import said
from tuner.report.charts.look import BLUE, GREEN, GREY, INK, VERMILLION, our_look
from tuner.report.charts.names import drawable
from tuner.report.scored import metric_in
from tuner.report.wording import decimals_for, number, rest_in_words, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

BAR, ROW = 0.62, 0.42  # height of a bar in rows, and of a row in inches


def draw_waterfall(facts: Mapping[str, Any]) -> Figure | None:
    """Draw the effect of each change, from the baseline's mean loss on fresh folds to the best's.

    None if there is no ablation, or nothing on its path yet.
    """
    found, metric = facts["ablation"], metric_in(facts)
    steps = [step for step in found["path"] if step["total"] is not None] if found else []
    if not steps:
        return None
    factor = metric.factor
    start = factor * found["baseline_loss"]
    ends = [start - factor * step["total"] for step in steps]
    rest = found["rest"]
    if rest and rest["gain"] is not None:
        ends.append(ends[-1] - factor * rest["gain"])
    decimals = decimals_for(start, *ends, least=1) + (not metric.per_cent)
    labels_of_steps = [_label(step) for step in steps]
    if len(ends) > len(steps):
        labels_of_steps.append(rest_in_words(len(rest["changes"])))
    names = drawable(labels_of_steps)
    labels = [said("baseline"), *names, said("best") if found["complete"] else said("so far")]
    with our_look(*names):
        figure = Figure(figsize=(8.4, 1.1 + ROW * len(labels)), layout="constrained")
        axes = figure.subplots()
        axes.grid(axis="x", visible=True)
        axes.grid(axis="y", visible=False)
        axes.barh(0, start, height=BAR, color=GREY)
        axes.barh(len(labels) - 1, ends[-1], height=BAR, color=BLUE)
        for row, (before, after) in enumerate(zip([start, *ends], ends, strict=False), start=1):
            colour = GREEN if after < before else VERMILLION
            axes.barh(row, after - before, left=before, height=BAR, color=colour)
            axes.plot([before, before], [row - 1, row + BAR / 2], color=INK, linewidth=0.7)
        for row, value in enumerate([start, *ends, ends[-1]]):
            right = max(value, [start, *ends][max(row - 1, 0)])
            axes.annotate(
                number(value, decimals) + metric.unit,
                (right if row < len(labels) - 1 else value, row),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.12 * max(start, *ends))
        axes.set_xlabel(
            said("validation {loss} on fresh folds, less is better", loss=metric.loss_title)
        )
        axes.set_title(said("What each change did, the most helpful first"))
    return figure


def _label(step: Mapping[str, Any]) -> str:
    change = f"{step['change']} {setting(step['was'])} → {setting(step['now'])}"
    left = len(step["follows"])
    return said("{change} and {left:,} more", change=change, left=left) if left else change
