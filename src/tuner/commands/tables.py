"""Prints tables, sizes and JSON to a terminal or a pipe of any width, without cutting them off."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tuner.case.figures import mean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

BLANK = "-"
ON_A_PIPE = 10_000  # columns: the program that reads it has no screen


def console() -> Console:
    """Return a console as wide as the terminal, or without a limit on a pipe."""
    from rich.console import Console

    made = Console(markup=False, highlight=False, soft_wrap=True)
    return made if made.is_terminal else Console(markup=False, highlight=False, width=ON_A_PIPE)


def show_table(screen: Console, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; if it is too wide for the screen, cells continue on the next line."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=bool(any(headings)))
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=False)
    for row in rows:
        table.add_row(*(text_of(cell) for cell in row))
    with screen.capture() as drawn:
        screen.print(table, soft_wrap=False)
    screen.print("\n".join(line.rstrip() for line in drawn.get().splitlines()), soft_wrap=True)


def text_of(value: object) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return BLANK
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def value_text(value: object) -> str:
    """Return the value of a hyperparameter as text; None is a value too."""
    return str(value) if value is None else text_of(value)


def setting(value: object) -> str:
    """Return a setting of a study as text; several names and values are put side by side."""
    if isinstance(value, dict):
        return " ".join(f"{name}={text_of(one)}" for name, one in value.items()) or "nothing"
    return text_of(value)


def summary_text(summary: dict[str, Any] | None) -> str:
    """Return a mean, its standard deviation and the number of values as text."""
    if not summary or summary["mean"] is None:
        return BLANK
    return f"{mean_text(summary['mean'], summary['std'])} (n = {summary['n']})"


def size(count: int) -> str:
    """Return a number of bytes as a person would write it.

    >>> size(2_100_000_000)
    '2.1 GB'
    """
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def write_json(value: object) -> None:
    """Print a result as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def agrees(question: str) -> bool:
    """Ask a person at a terminal; return False if nobody is there."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
