"""What the best still gets wrong on the test split: a section of report.md, and its pictures."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from tuner.report.charts import BLUE, GREY, INK, our_look
from tuner.report.wording import code, count, decimals_for, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial

COLUMNS = 6


def mistakes_facts(
    stored: Mapping[str, Any] | None, arms: Mapping[str, FrozenTrial]
) -> dict[str, Any] | None:
    """Return the entry in report.json; None where it is of another trial than the best of now."""
    if not stored or "best" not in arms or arms["best"].number != stored["trial"]:
        return None
    return dict(stored)


def mistakes_section(facts: dict[str, Any], plots: list[str]) -> str:
    """Return the section: for classes who is taken for whom, for numbers how far off."""
    found = facts["mistakes"]
    if not found:
        return ""
    if "confusion" not in found:
        off = np.array(found["predicted"]) - np.array(found["true"])
        pictures = ["![Predicted against true values, and residuals](mistakes.svg)"]
        text = (
            f"Of the first seed's model on {count(len(off), 'test row')}: residuals have a mean of "
            f"{number(off.mean(), decimals_for(off.mean()) + 1)} and a standard deviation of "
            f"{off.std():.2g} (in standardised units of the target), the largest is "
            f"{abs(off).max():.2g}."
        )
        return "\n\n".join(["## What does it get wrong?", *pictures, text])
    captions = {
        "confusion.svg": "Confusion matrix: true classes in rows, predicted ones in columns",
        "mistakes.svg": "The most confident mistakes",
    }
    pictures = [f"![{captions[name]}]({name})" for name in plots if name in captions]
    text = f"Counts are of {count(found['models'], 'model')}, one a seed, together."
    if found["mistakes"] and "mistakes.svg" in plots:
        text += " The mistakes are those of which the first seed's model was surest."
    return "\n\n".join(["## What does it get wrong?", *pictures, text, _pairs(found)]).rstrip()


def _pairs(found: Mapping[str, Any]) -> str:
    """Name the classes that are confused most."""
    classes, counts = found["classes"], found["confusion"]
    pairs = sorted(
        (-counts[row][column], classes[row], classes[column])
        for row in range(len(classes))
        for column in range(len(classes))
        if row != column and counts[row][column]
    )[:3]
    if not pairs:
        return "Nothing is confused."
    named = "; ".join(
        f"{code(true)} taken for {code(guess)}: {-times}" for times, true, guess in pairs
    )
    return f"Confused most: {named}."


def draw_confusion(facts: Mapping[str, Any]) -> Figure | None:
    """Draw true classes against predicted ones, as shares of a row with their counts."""
    found = facts["mistakes"]
    if not found or "confusion" not in found:
        return None
    counts = np.array(found["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.4 + 0.55 * len(counts)
    with our_look():
        figure = Figure(figsize=(size + 1.2, size), layout="constrained")
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white")
        for row, column in np.ndindex(counts.shape):
            if counts[row, column]:
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    f"{counts[row, column]:,}",
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color="white" if shares[row, column] > 0.5 else INK,
                )
        places = np.arange(len(counts)) + 0.5
        axes.set_xticks(places, found["classes"], rotation=45, ha="right")
        axes.set_yticks(places, found["classes"])
        axes.invert_yaxis()
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
    return figure


def draw_mistakes(facts: Mapping[str, Any]) -> Figure | None:
    """Draw the most confident mistakes as pictures, or predictions against truth and residuals."""
    found = facts["mistakes"]
    if not found:
        return None
    if "confusion" not in found:
        return _draw_residuals(found)
    shown = [one for one in found["mistakes"] if one["png"]]
    if not shown:
        return None
    rows = -(-len(shown) // COLUMNS)
    with our_look():
        figure = Figure(figsize=(8.4, 1.95 * rows), layout="constrained")
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, one in zip(grid.flat, shown, strict=False):
            picture = imread(BytesIO(base64.b64decode(one["png"])), format="png")
            axes.imshow(picture, cmap="gray_r", interpolation="nearest")
            axes.set_title(
                f"{one['true']}\nnot {one['predicted']} ({one['probability']:.0%})",
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
        left.set_xlabel("true value (standardised)")
        left.set_ylabel("predicted")
        right.axhline(0, color=GREY, linewidth=1)
        right.scatter(true, predicted - true, s=12, color=BLUE, alpha=0.7, linewidth=0)
        right.set_xlabel("true value (standardised)")
        right.set_ylabel("residual: predicted less true")
    return figure
