"""Finds the few cells that keep a text column from being one of numbers or of dates.

They are reported, and change nothing: a rule cannot decide whether `abc` among numbers is a
mistake. But without the report, a user would lose the column without noticing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from tuner.data.sources.cells import any_match, values_of
from tuner.data.sources.dates import DATES, are_dates
from tuner.data.sources.kinds import CODE, WRITTEN
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tuner.data.table import Column

MOST = 0.1  # of the distinct values of a column; more are not slips
FEWEST = 10  # distinct numbers or dates that make a column look like one of them
# A letter before a number is often part of a code (A12), a letter after it is a unit.
SIGNED = re.compile(r"(|[^\w.+-]{1,3}\s?|[^\W\d]{1,4}\s)[+-]?[\d.,]*\d(\s?[^\d.,]{0,5})")
SHOWN, LONGEST = 3, 40  # cells, and letters of each


def with_odd_cells(column: Column, cells: Any) -> Column:
    """Return a column; for text, with a remark on the cells that are not numbers or dates."""
    if column.kind not in {"category", "left out"}:
        return column
    odd = odd_cells_in_words(cells)
    if odd is None:
        return column
    return replace(column, why=said("{why}; {odd}", why=column.why, odd=odd))


def odd_cells_in_words(cells: Any) -> str | None:
    """Return which cells keep a text column from being numbers or dates; None if no few do.

    Args:
        cells: a pyarrow array of text, without surrounding spaces.
    """
    values = values_of(cells)
    if not any_match(values, CODE):
        numbers = (_matches(values, pattern) for pattern in WRITTEN.values())
        if shown := _shown(values, numbers) or _sign(values):
            return said("without {shown} all would be numbers", shown=shown)
    if shown := _shown(values, (are_dates(values, form) for form in DATES)):
        return said("without {shown} all would be dates", shown=shown)
    return None


def _sign(values: Any) -> str:
    """Return the sign or unit that all numbers have, such as `$`, `%` or `kg`; empty if none."""
    parts = SIGNED.fullmatch(values[0].as_py()) if len(values) >= FEWEST else None
    if parts is None or not any(parts.groups()):
        return ""
    before, after = map(re.escape, parts.groups())
    bare = pc.replace_substring_regex(values, f"^{before}|{after}$", "")
    whole = _matches(values, f"^{before}.*{after}$").all()
    fits = whole and any(_matches(bare, pattern).all() for pattern in WRITTEN.values())
    return ", ".join(repr(part) for part in parts.groups() if part) if fits else ""


def _matches(values: Any, pattern: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.match_substring_regex(values, pattern).to_numpy(
        zero_copy_only=False
    )
    return found


def _shown(values: Any, fits: Iterable[NDArray[np.bool_]]) -> str:
    """Return the values that do not fit, if nearly all others do; empty if none or too many.

    Args:
        fits: for each notation, which values fit it.
    """
    for one in fits:
        odd = np.flatnonzero(~one)
        if 0 < len(odd) <= MOST * len(values) and len(values) - len(odd) >= FEWEST:
            cells = values.take(odd[:SHOWN]).to_pylist()
            shown = ", ".join(repr(cell[:LONGEST]) for cell in cells)
            return f"{shown}, ..." if len(odd) > SHOWN else shown
    return ""
