"""The common style of all plots: one look, one kind of axis, and reproducible bytes."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib.style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tuner import files
from tuner.language import said
from tuner.report.charts.names import BASE, families_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tuner.case.metric import Metric

# Colours of Okabe and Ito, which colour-blind people can distinguish.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#C77C00", "#009E73", "#D55E00"
INK, GREY, PALE, PAPER = "#222222", "#767676", "#DDDDDD", "#FFFFFF"
# Their replacements on a dark page; colours with a meaning only become a little lighter.
DARK = {
    INK: "#E4E7EB",
    GREY: "#9AA3AD",
    PALE: "#343A42",
    PAPER: "#15181C",
    BLUE: "#56B4E9",
    ORANGE: "#E69F00",
    GREEN: "#2CC295",
    VERMILLION: "#FF7A33",
}
LOOK = {
    "font.family": BASE,
    "text.parse_math": False,  # a name may contain a dollar sign
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "svg.hashsalt": "tuner",  # otherwise ids are random
    "svg.fonttype": "path",  # looks the same without the font
}
RATIO_FOR_LOG = 6.0
# Names of losses, if it is not the name of a metric.
LOSSES = (said("error"), said("rows with a wrong label"))
# matplotlib's own style comes first in its SVG, so ours overrides it.
STYLE_ENDS = "</style>"


@contextmanager
def our_look(*names: str) -> Iterator[None]:
    """Draw with matplotlib's defaults and our settings, whatever this process or user has set.

    Args:
        names: that the picture shows; a font with their letters is used if there is one.
    """
    families = families_for(frozenset("".join(names))) or (BASE,)
    with matplotlib.style.context(["default", {**LOOK, "font.family": list(families)}]):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write the figure as a complete SVG, without the time of its making.

    On a dark page it is dark: a style in the file does that, and browsers apply it, even to a
    picture that is embedded in a page.
    """
    drawn = StringIO()
    with our_look():
        # Not `print_figure`, which draws once more for the same result.
        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(  # type: ignore[no-untyped-call]
            drawn, metadata={"Date": None, "Creator": "tuner"}
        )
    before, end, after = drawn.getvalue().partition(STYLE_ENDS)
    files.write_text(path, f"{before}{_dark_style()}{end}{after}")


def _dark_style() -> str:
    rules = "".join(
        f'[style*="{part}: {light.lower()}"]{{{part}: {dark.lower()} !important}}'
        for light, dark in DARK.items()
        for part in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme: dark){{{rules}}}"


@dataclass(frozen=True, slots=True)
class LossAxis:
    """A vertical axis of a loss (lower is better) that a few extreme values do not distort.

    Attributes:
        low, high: its ends; values beyond them are drawn at the edge.
        log: whether it is logarithmic.
    """

    metric: Metric
    low: float
    high: float
    log: bool

    @classmethod
    def around(
        cls,
        metric: Metric,
        shown: Sequence[float],
        rest: Sequence[float] = (),
        below: Sequence[float] = (),
    ) -> LossAxis:
        """Choose an axis that shows the better four fifths of `shown`, and half of `rest`.

        Args:
            shown: losses that matter; not empty.
            rest: losses that may lie beyond the upper edge.
            below: losses that may lie beyond the lower edge, if zero is too far away to show.
        """
        ranked, others = sorted(shown), sorted(rest)
        best = min([ranked[0], *others[:1]])
        worst = max(
            ranked[(4 * len(ranked) - 1) // 5], others[len(others) // 2] if others else best
        )
        log = best > 0 and worst / best > RATIO_FOR_LOG
        if log:
            best = min([best, *(max(value, best / RATIO_FOR_LOG) for value in below)])
            margin = (worst / best) ** 0.12
            return cls(metric, best / margin, worst * margin**2, log)
        best = min([best, *below])
        margin = 0.12 * (worst - best) or 0.05 * abs(best) or 0.01
        return cls(metric, max(best - margin, -0.03 * worst), worst + 2 * margin, log)

    def place(self, value: float) -> float:
        """Return where a value is drawn: at the edge, if it is beyond."""
        return min(max(value, self.low), self.high)

    def is_beyond(self, value: float) -> bool:
        """Whether a value is worse than the axis shows."""
        return value > self.high

    def height(self, value: float) -> float:
        """Return the share of the axis below a value."""
        scale = math.log if self.log else float
        low, high = scale(self.low), scale(self.high)
        return (scale(self.place(value)) - low) / (high - low)

    def apply(self, axes: Axes) -> None:
        """Apply the axis to a plot, with round numbers at its ticks."""
        if self.log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(FixedLocator(_round_numbers(self.low, self.high)))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(self.low, self.high)
        unit = self.metric.unit
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}{unit}"))

    @property
    def label(self) -> str:
        """Name of the loss."""
        return said("validation {loss}", loss=self.metric.loss_title)

    def write(self, value: float) -> str:
        """Write a value with three digits and its unit."""
        return f"{value:.3g}{self.metric.unit}"


def _round_numbers(low: float, high: float) -> list[float]:
    """Return three to eight round numbers between two positive ones, in even ratios."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices: list[list[float]] = []
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        every = [step * 10.0**power for power in powers for step in steps]
        choices.append([number for number in every if low <= number <= high])
    return next((choice for choice in choices if len(choice) >= 4), choices[-1])


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move labels at these heights apart, in order, until each has `gap` to the next."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved = list(heights)
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    excess = max(0.0, max(moved, default=0.0) - 1.0)
    return [height - excess for height in moved]
