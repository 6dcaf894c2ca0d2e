"""Tests on the cells of a text column: which have a value, and which patterns they match.

All columns are pyarrow arrays of text. These functions ignore surrounding spaces only after
`trimmed`, which removes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARKS = ("na", "n/a", "#n/a", "nan", "null", "none", "-", "?", ".", "nil", "nat", "<na>")
INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")


def trimmed(cells: Any) -> Any:
    """Return cells without surrounding spaces, and with an umlaut as one character."""
    return pc.utf8_trim_whitespace(_composed(cells))


def _composed(cells: Any) -> Any:
    """Return cells in Unicode's normal form C, which pyarrow before 26 confuses with form D."""
    if pc.all(pc.string_is_ascii(cells), min_count=0).as_py():
        return cells
    texts = [None if one is None else normalize("NFC", one) for one in cells.to_pylist()]
    return pa.array(texts, cells.type)


def has_no_value(cells: Any) -> Any:
    """Return which cells are empty or one of `MARKS`, as a pyarrow array of bool."""
    return pc.is_in(pc.utf8_lower(cells), pa.array(["", *MARKS], pa.string()))


def complete(found: NDArray[np.float64], cells: Any) -> NDArray[np.float64]:
    """Return the parsed cells (N,), in which nan must be a cell without a value.

    Raises:
        ValueError: a cell cannot be parsed; its index is the second argument of the error.
    """
    wrong = np.isnan(found) & ~is_missing(cells).to_numpy(zero_copy_only=False)
    if wrong.any():
        raise ValueError("a cell does not fit its column", int(wrong.argmax()))
    return found


def is_missing(cells: Any) -> Any:
    """Return which cells have no value, for numbers and dates; an infinite one has none."""
    marks = pa.array(["", *MARKS, *INFINITE], pa.string())
    return pc.is_in(pc.utf8_lower(cells), marks)


def values_of(cells: Any) -> Any:
    """Return the distinct cells that are not missing."""
    distinct = pc.unique(cells)
    return pc.filter(distinct, pc.invert(is_missing(distinct)))


def all_match(values: Any, pattern: str) -> bool:
    """Whether a regular expression matches in all of these."""
    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())


def any_match(values: Any, pattern: str) -> bool:
    """Whether a regular expression matches in at least one of these."""
    return bool(pc.any(pc.match_substring_regex(values, pattern)).as_py())
