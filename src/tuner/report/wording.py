"""Numbers, names and commands as a person would write them, safe inside Markdown."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

TITLES = {"accuracy": "accuracy", "macro_f1": "macro F1", "mae": "MAE", "mse": "MSE"}
SHARES = ("accuracy", "macro_f1")  # metrics between 0 and 1, written in per cent
BLANK = "–"  # noqa: RUF001  # an en dash, where a table has nothing to say
MOST_DECIMALS = 6


def title(metric: str) -> str:
    """Return the metric's name as a heading has it."""
    return TITLES.get(metric, metric)


def loss_title(metric: str) -> str:
    """Return the name of what `loss` gives: less is better of it."""
    return "error" if metric == "accuracy" else title(metric)


def loss(metric: str, score: float) -> float:
    """Return the score turned so that less is better: accuracy becomes the error in per cent."""
    return 100 * (1 - score) if metric == "accuracy" else score


def loss_unit(metric: str) -> str:
    """Return what is written behind a loss."""
    return " %" if metric == "accuracy" else ""


def number(value: float, decimals: int) -> str:
    """Write a number with a true minus sign; a zero has none."""
    text = f"{value:.{decimals}f}" if abs(value) < 1e6 else f"{value:.3g}"
    zero = not text.strip("-0.")
    return text.lstrip("-") if zero else text.replace("-", "−", 1)  # noqa: RUF001


def listed(names: Sequence[str]) -> str:
    """Write names as in a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def decimals_for(*values: float, least: int = 0) -> int:
    """How many decimals show the smallest of the values (zeros apart) with one digit at least."""
    sizes = [abs(value) for value in values if value]
    needed = -math.floor(math.log10(min(sizes))) if sizes else 0
    return min(max(needed, least), MOST_DECIMALS)


def mean_and_std(metric: str, summary: dict[str, Any]) -> str:
    """Write `mean ± std`, or the mean alone where there is only one value."""
    if summary["mean"] is None:
        return BLANK
    share = metric in SHARES
    factor, unit = (100, " %") if share else (1, "")
    mean, std = factor * summary["mean"], summary["std"]
    if std is None:
        decimals = 2 if share else decimals_for(mean) + 2
        return f"{number(mean, decimals)}{unit}"
    decimals = decimals_for(factor * std) + 1
    decimals = min(max(decimals, 1), 2) if share else decimals
    return f"{number(mean, decimals)} ± {number(factor * std, decimals)}{unit}"


def duration(seconds: float | None) -> str:
    """Write seconds as a person would: 8.1 s, 13 min 32 s, 2 h 5 min."""
    if seconds is None:
        return BLANK
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def count(how_many: int, noun: str) -> str:
    """Write a number with its noun: 1 seed, 5 seeds."""
    return f"{how_many:,} {noun}{'' if how_many == 1 else 's'}"


def setting(value: Any) -> str:
    """Write the value of a hyperparameter; report.json has all the digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def code(text: str, limit: int = 300) -> str:
    """Write text that we did not choose as one code span, in which no Markdown takes effect."""
    line = " ".join(text.split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if "`" in line or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: str) -> str:
    """Keep a table's column from ending inside the text."""
    return text.replace("|", r"\|")


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Write a table whose first `left` columns are aligned to the left, the others to the right."""
    rules = ["---" if column < left else "---:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in [header, rules, *rows])


def shell(command: str) -> str:
    """Write a command as a block to copy."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", command)), default=0))
    return f"{fence}sh\n{command}\n{fence}"


def with_confirmation(command: str) -> str:
    """Return the study command without its `--seeds 0`."""
    words, kept = shlex.split(command), list[str]()
    for word, before in zip(words, ["", *words], strict=False):
        if word == "--seeds=0":
            continue
        if word == "0" and before == "--seeds":
            kept.pop()
            continue
        kept.append(word)
    return shlex.join(kept)
