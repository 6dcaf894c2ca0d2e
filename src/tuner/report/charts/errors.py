"""Draws the errors of the best: confusion matrix, most confident mistakes, residuals."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from tuner.language import said
from tuner.report.charts.look import BLUE, GREY, INK, PALE, PAPER, our_look
from tuner.report.charts.names import drawable
from tuner.report.wording import per_cent

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = 6
MOST_NAMED = 30  # classes; with more, every tenth row has a number, and cells have none
CELL, CELL_OF_MANY = 0.55, 0.07  # inches
MOST_FRAMED = 900  # cells: framing each empty one takes time


def draw_confusion(facts: Mapping[str, Any]) -> Figure | None:
    """Draw true classes against predicted ones, as shares of a row with their counts."""
    found = facts["mistakes"]
    if not found or "confusion" not in found:
        return None
    counts = np.array(found["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    many = len(counts) > MOST_NAMED
    size = 1.4 + (CELL_OF_MANY if many else CELL) * len(counts)
    names = drawable(found["classes"])
    with our_look(*names):
        figure = Figure(figsize=(size + 1.2, size), layout="constrained")
        axes = figure.subplots()
        axes.grid(visible=False)
        # One colour with varying opacity, so that a dark page shows through where nothing is.
        for row, column in np.ndindex(counts.shape):
            if counts[row, column] or counts.size <= MOST_FRAMED:
                colour = to_rgba(BLUE, float(shares[row, column]))
                axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor=PALE))
            if counts[row, column] and not many:
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    f"{counts[row, column]:,}",
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=PAPER if shares[row, column] > 0.5 else INK,
                )
        places = np.arange(len(counts)) + 0.5
        if many:  # classes by number, in the order of report.json
            axes.set_xticks(places[::10], [str(n + 1) for n in range(0, len(counts), 10)])
            axes.set_yticks(places[::10], [str(n + 1) for n in range(0, len(counts), 10)])
        else:
            axes.set_xticks(places, names, rotation=45, ha="right")
            axes.set_yticks(places, names)
        axes.set_xlim(0, len(counts))
        axes.set_ylim(len(counts), 0)
        axes.set_xlabel(said("predicted"))
        axes.set_ylabel(said("true"))
    return figure


def draw_mistakes(facts: Mapping[str, Any]) -> Figure | None:
    """Draw the most confident mistakes as pictures, or predictions against truth and residuals."""
    found = facts["mistakes"]
    if not found:
        return None
    if "classes" not in found:
        return _draw_residuals(found)
    shown = [one for one in found["mistakes"] if one["png"]]
    if not shown:
        return None
    rows = -(-len(shown) // COLUMNS)
    told = [one[which] for one in shown for which in ("true", "predicted")]
    known = list(dict.fromkeys([*found["classes"], *told]))  # sets, if there are several labels
    names = dict(zip(known, drawable(known), strict=True))
    with our_look(*names.values()):
        figure = Figure(figsize=(8.4, 2.1 * rows), layout="constrained")
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, one in zip(grid.flat, shown, strict=False):
            picture = imread(BytesIO(base64.b64decode(one["png"])), format="png")
            axes.imshow(picture, cmap="gray_r", interpolation="nearest")
            wrong = said("not {name}", name=names[one["predicted"]])
            axes.set_title(
                f"{names[one['true']]}\n{wrong}\n({per_cent(one['probability'])})",
                fontsize=8,
                loc="center",
            )
    return figure


def _draw_residuals(found: Mapping[str, Any]) -> Figure:
    true, predicted = np.array(found["true"]), np.array(found["predicted"])
    with our_look():
        figure = Figure(figsize=(8.4, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        left.plot(ends, ends, color=GREY, linewidth=1)
        left.scatter(true, predicted, s=12, color=BLUE, alpha=0.7, linewidth=0)
        left.set_xlabel(said("true value (standardised)"))
        left.set_ylabel(said("predicted"))
        right.axhline(0, color=GREY, linewidth=1)
        right.scatter(true, predicted - true, s=12, color=BLUE, alpha=0.7, linewidth=0)
        right.set_xlabel(said("true value (standardised)"))
        right.set_ylabel(said("error: predicted − true"))  # noqa: RUF001
    return figure
