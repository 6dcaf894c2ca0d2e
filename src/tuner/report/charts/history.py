"""Draws the optimisation history: every trial, the best so far, and the baseline's level."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import TrialState

from tuner.language import said
from tuner.report.charts.look import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PAPER,
    VERMILLION,
    LossAxis,
    our_look,
    spread,
)
from tuner.report.scored import metric_in
from tuner.report.wording import loss
from tuner.study.schema import CURVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

    from tuner.case.metric import Metric

LABEL_GAP = 0.07  # share of the axis' height for a line of text
WORSE = {
    "complete": said("complete, worse than shown ({count})", count="{count}"),
    "guess": said("guess, worse than shown ({count})", count="{count}"),
    "pruned": said("pruned, worse than shown ({count})", count="{count}"),
}


def draw_history(facts: dict[str, Any], trials: Sequence[FrozenTrial]) -> Figure | None:
    """Draw the search trial by trial; return None if no trial has a score."""
    metric = metric_in(facts)
    complete = _scores(metric, trials, TrialState.COMPLETE)
    pruned = _scores(metric, trials, TrialState.PRUNED)
    failed = [trial.number for trial in trials if trial.state == TrialState.FAIL]
    if not complete and not pruned:
        return None
    levels = [y for _, y in complete]
    axis = LossAxis.around(metric, levels or [y for _, y in pruned], [y for _, y in pruned])
    with our_look():
        figure = Figure(figsize=(8.4, 4.2), layout="constrained")
        axes = figure.subplots()
        axis.apply(axes)
        last = max([n for n, _ in complete + pruned] + failed)
        axes.set_xlim(-0.6 - last / 60, last + 0.6 + last / 60)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.set_title(" ", fontsize=8)  # space for the marks on the upper edge
        axes.set_xlabel(said("trial"))
        axes.set_ylabel(axis.label)
        size = min(max(1500 / (last + 1), 14), 34)
        guessed = {one["trial"] for one in facts.get("guesses") or ()}
        _trained(axes, axis, complete, guessed, size)
        _pruned_and_failed(axes, axis, pruned, failed, size)
        _levels(axes, axis, facts, complete, last)
        figure.legend(
            loc="outside lower left", ncols=4, handletextpad=0.4, columnspacing=1.6, fontsize=9
        )
    return figure


def _trained(
    axes: Axes, axis: LossAxis, complete: list[tuple[int, float]], guessed: set[int], size: float
) -> None:
    """Draw the complete trials, with a separate mark for guesses."""
    others = [(number, level) for number, level in complete if number not in guessed]
    guesses = [(number, level) for number, level in complete if number in guessed]
    label = said("complete ({count})", count=len(others))
    _scatter(axes, axis, others, label, size, filled=True)
    label = said("guess ({count})", count=len(guesses))
    _scatter(axes, axis, guesses, label, 1.6 * size, filled=True, mark="D")


def _pruned_and_failed(
    axes: Axes, axis: LossAxis, pruned: list[tuple[int, float]], failed: list[int], size: float
) -> None:
    """Draw pruned trials at their last score, and failed ones in a strip above everything."""
    label = said("pruned ({count}), last score", count=len(pruned))
    _scatter(axes, axis, pruned, label, size, filled=False)
    if failed:
        axes.scatter(
            failed,
            [1.045] * len(failed),
            transform=axes.get_xaxis_transform(),
            marker="x",
            s=size,
            color=VERMILLION,
            clip_on=False,
            label=said("failed ({count})", count=len(failed)),
        )


def _scores(
    metric: Metric, trials: Sequence[FrozenTrial], state: TrialState
) -> list[tuple[int, float]]:
    """Return (trial, loss) of the trials in a state: its value, or its last reported score."""
    found = []
    for trial in trials:
        if trial.state == state:
            value = trial.values[0] if state == TrialState.COMPLETE else _last(trial)
            if value is not None and math.isfinite(value):
                found.append((trial.number, loss(metric, value)))
    return found


def _last(trial: FrozenTrial) -> float | None:
    curve = trial.user_attrs.get(CURVE) or []
    scores = [point[4] for point in curve if point[4] is not None]
    scores = scores or [value for _, value in sorted(trial.intermediate_values.items())]
    return scores[-1] if scores else None


def _scatter(
    axes: Axes,
    axis: LossAxis,
    scores: list[tuple[int, float]],
    label: str,
    size: float,
    *,
    filled: bool,
    mark: str = "o",
) -> None:
    colours: dict[str, Any] = (
        {"facecolor": BLUE, "edgecolor": PAPER, "linewidth": size / 60}
        if filled
        else {"facecolor": "none", "edgecolor": GREY, "linewidth": 1.0}
    )
    inside = [(n, y) for n, y in scores if not axis.is_beyond(y)]
    beyond = [n for n, y in scores if axis.is_beyond(y)]
    if scores:
        x, y = zip(*inside, strict=True) if inside else ((), ())
        axes.scatter(x, y, s=size, marker=mark, label=label, zorder=3 + filled, **colours)
    if beyond:
        axes.scatter(
            beyond,
            [axis.high] * len(beyond),
            s=max(size, 24),
            marker="^",
            clip_on=False,
            zorder=3 + filled,
            label=WORSE[label.split()[0]].replace("{count}", str(len(beyond))),
            **colours,
        )


def _levels(
    axes: Axes,
    axis: LossAxis,
    facts: dict[str, Any],
    complete: list[tuple[int, float]],
    last: int,
) -> None:
    """Draw the best so far and the baseline's level, with names and values at the right."""
    labels = []
    arms, metric = facts["arms"], metric_in(facts)
    if "baseline" in arms and arms["baseline"]["validation"]["mean"] is not None:
        level = loss(metric, arms["baseline"]["validation"]["mean"])
        axes.axhline(axis.place(level), color=ORANGE, linewidth=1.6, linestyle=(0, (5, 3)))
        labels.append((said("baseline"), level, ORANGE))
    if complete:
        numbers = [number for number, _ in complete]
        running = list(accumulate((value for _, value in complete), min))
        places = [axis.place(value) for value in (*running, running[-1])]
        axes.step(
            [*numbers, last],
            places,
            where="post",
            color=BLUE,
            linewidth=1.8,
            zorder=2,
            label=said("best score so far"),
        )
        # The best is the winner on fresh folds; its own score need not be the lowest here.
        best = arms.get("best", {}).get("trial")
        if (own := dict(complete).get(best)) is not None:
            axes.scatter(
                [best], [axis.place(own)], s=130, facecolor="none", edgecolor=INK, zorder=5
            )
            guessed = any(one["trial"] == best for one in facts.get("guesses") or ())
            name = (
                said("best, guess, trial {number}", number=best)
                if guessed
                else said("best, trial {number}", number=best)
            )
            labels.append((name, own, BLUE))
    heights = spread([axis.height(value) for _, value, _ in labels], 2 * LABEL_GAP)
    for (name, value, colour), height in zip(labels, heights, strict=True):
        axes.annotate(
            f"{name}\n{axis.write(value)}",
            (1.01, height),
            xycoords="axes fraction",
            color=colour,
            va="center",
            fontsize=9.5,
        )
