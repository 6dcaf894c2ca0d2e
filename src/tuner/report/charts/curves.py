"""Draws the learning curves of baseline, recipe and best side by side, on one scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tuner.language import said
from tuner.report.charts.look import BLUE, GREEN, GREY, INK, ORANGE, PAPER, LossAxis, our_look
from tuner.report.scored import metric_in
from tuner.report.wording import loss
from tuner.study.schema import CURVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

    from tuner.case.metric import Metric

COLOURS: dict[str, str] = {said("baseline"): ORANGE, said("recipe"): GREEN, said("best"): BLUE}


def draw_curves(facts: dict[str, Any], trials: Sequence[FrozenTrial]) -> Figure | None:
    """Draw one panel per trial; return None if no arm has a curve.

    The trainings differ in length, so each panel has its own epochs; the scores share one scale.
    """
    metric = metric_in(facts)
    with_curves = {trial.number: trial for trial in trials if trial.user_attrs.get(CURVE)}
    panels: dict[int, list[str]] = {}
    for name, arm in facts["arms"].items():
        if arm["trial"] in with_curves:
            panels.setdefault(arm["trial"], []).append(name)
    curves = {number: _curve(metric, with_curves[number]) for number in panels}
    scores = [y for validation, _ in curves.values() for _, y in validation]
    if not scores:
        return None
    levels = {
        name: loss(metric, arm["validation"]["mean"])
        for name, arm in facts["arms"].items()
        if arm["validation"]["mean"] is not None
    }
    trained = [y for _, training in curves.values() for _, y in training]
    axis = LossAxis.around(metric, [*scores, *levels.values()], below=trained)
    with our_look():
        figure = Figure(figsize=(1.6 + 2.7 * len(panels), 3.7), layout="constrained")
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (number, names) in zip(row, panels.items(), strict=True):
            axis.apply(axes)
            _panel(axes, axis, names, curves[number])
            arm = facts["arms"][names[0]]
            _caption(axes, axis, " = ".join(names), arm, levels.get(names[0]))
            if "baseline" in levels and "baseline" not in names:
                axes.axhline(
                    axis.place(levels["baseline"]),
                    color=ORANGE,
                    linewidth=1.3,
                    linestyle=(0, (5, 3)),
                    zorder=1,
                    label=said("baseline"),
                )
        row[0].set_ylabel(metric.loss_title)
        handles, labels = _legend(row)
        figure.legend(handles, labels, loc="outside lower left", ncols=4, fontsize=9)
    return figure


def _curve(
    metric: Metric, trial: FrozenTrial
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return (epoch, loss) of every point, for validation and for training rows."""
    found: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for _, epoch, _, training, validation in trial.user_attrs[CURVE]:
        for points, score in zip(found, (validation, training), strict=True):
            if score is not None and math.isfinite(score):
                points.append((epoch, loss(metric, score)))
    return found


def _panel(
    axes: Axes,
    axis: LossAxis,
    names: list[str],
    curve: tuple[list[tuple[float, float]], list[tuple[float, float]]],
) -> None:
    validation, training = curve
    colour = COLOURS[names[0] if len(names) == 1 else "best"]
    # A curve of one point has no line, so it gets a marker.
    for points, shade, width, label in (
        (training, GREY, 1.3, said("training, while it ran")),
        (validation, colour, 2.2, said("validation")),
    ):
        # An extreme first value may leave the plot at its top; a loss of zero stays on a log scale.
        x, y = [epoch for epoch, _ in points], [max(value, axis.low) for _, value in points]
        marker = "o" if len(points) == 1 else ""
        axes.plot(x, y, color=shade, linewidth=width, label=label, marker=marker)
    axes.set_xlabel(said("epoch"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlim(left=0)


def _caption(
    axes: Axes, axis: LossAxis, name: str, arm: dict[str, Any], level: float | None
) -> None:
    epoch = arm["best_epoch"]
    title = said("{name}, trial {number}", name=name, number=arm["trial"])
    axes.set_title(title, fontweight="bold", pad=20)
    if level is None or epoch is None:
        return
    axes.annotate(
        said("{score} at epoch {epoch}", score=axis.write(level), epoch=epoch),
        (0, 1.02),
        xycoords="axes fraction",
        fontsize=9.5,
        color=GREY,
    )
    axes.scatter(
        [epoch],
        [axis.place(level)],
        s=46,
        facecolor=PAPER,
        edgecolor=INK,
        zorder=5,
        clip_on=False,
    )


def _legend(row: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Return one entry per label; validation has the colour of its arm, so here it has none."""
    entries: dict[str, Any] = {"validation": Line2D([], [], color=INK, linewidth=2.2)}
    for axes in row:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return list(entries.values()), list(entries)
