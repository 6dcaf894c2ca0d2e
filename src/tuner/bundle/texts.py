"""Restores the text of cells that a library has parsed, as in the model's training file.

The cell 7 may have been 7, 007 or 7.0 there. Each cell is written again in the notation of its
column in the file; a cell whose text cannot be known is refused.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tuner.data.sources.kinds import COMMAS, NUMBER, PAIRS, THOUSANDS
from tuner.data.table import MISSING
from tuner.errors import DataError

if TYPE_CHECKING:
    from tuner.data.table import Column

# texts that pandas takes for missing cells by default
PANDAS_MARKS = frozenset(
    {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)


def texts_of(column: Column, cells: Any) -> list[str]:
    """Return the cells of a frame's column in the notation of the file.

    Raises:
        DataError: the text of one cannot be known.
    """
    if column.kind != "category":
        return [_text(column, cell) for cell in cells]
    category = _Category(column)
    texts = []
    for row, cell in enumerate(cells, start=1):
        if (text := category.text(cell)) is None:
            raise DataError(f"row {row} of column {column.name!r} {category.refusal(cell)}")
        texts.append(text)
    return texts


def _text(column: Column, cell: object) -> str:
    """Return the text of a number, yes or no, or a date; others are refused, as in a file."""
    if isinstance(cell, str):
        return str(cell)
    if _is_missing(cell):
        return MISSING
    if column.kind == "yes or no" and isinstance(cell, bool | np.bool_):
        return column.values[int(cell)]
    if column.kind == "date":
        return _date(cell, column.form)
    if column.form == "," and isinstance(cell, float | np.floating | Decimal):
        # A point would separate thousands, and there is no exponent.
        return f"{Decimal(str(cell)):f}".replace(".", ",")
    return str(cell)


def _date(cell: object, form: str) -> str:
    """Return a date, with its time if it has one, in an order of year, month and day."""
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[us]").item()
    if not isinstance(cell, date):
        return str(cell)
    parts = {"y": f"{cell.year:04}", "m": f"{cell.month:02}", "d": f"{cell.day:02}"}
    text = "-".join(parts[letter] for letter in form)
    return f"{text} {cell.hour:02}:{cell.minute:02}" if isinstance(cell, datetime) else text


def _is_missing(cell: object) -> bool:
    """Whether a cell is None, nan or a library's missing value, which is not equal to itself.

    The libraries are not imported for this check, because they may not be installed.
    """
    try:
        return cell is None or not bool(cell == cell)
    except TypeError:
        return True  # comparing pandas.NA raises an error
    except ValueError:
        return False  # an array of several


class _Category:
    """The known values of a category, by what a frame may contain instead of their text."""

    def __init__(self, column: Column) -> None:
        values = column.values
        self._marks = sorted(PANDAS_MARKS.intersection(values))
        self._exact: dict[Any, set[str]] = defaultdict(set)
        self._rounded: dict[Any, set[str]] = defaultdict(set)
        for value in values:
            for number in _readings(value):
                self._exact[number].add(value)
                self._rounded[float(number)].add(value)
        self._truths = [
            {value for value in values if value.casefold() in {pair[truth] for pair in PAIRS}}
            for truth in (0, 1)
        ]
        self._name = column.name

    def text(self, cell: object) -> str | None:
        """Return the text of a cell in the file; None if it cannot be known.

        A text with a code must be the only one that can stand for the cell. If there is none, the
        cell is a value that the model does not know, however it is written.
        """
        if isinstance(cell, str):
            return str(cell)
        if _is_missing(cell):
            return None if self._marks else MISSING
        if isinstance(cell, bool | np.bool_):
            known = self._truths[int(cell)]
            plain = {value for value in known if value.casefold() == str(cell).casefold()}
        elif isinstance(cell, int | np.integer):
            known, plain = self._exact.get(int(cell), set()), {str(cell)}
        elif isinstance(cell, float | np.floating | Decimal):
            # In a column with missing cells, integers become floats: 3.0 may be 3.
            known, plain = self._rounded.get(float(cell), set()), {str(cell), f"{cell:.0f}"}
        else:
            return None
        if not known:
            return str(cell)
        (text, *others) = known
        return text if not others and text in plain else None

    def refusal(self, cell: object) -> str:
        """Return why a cell has no text, and what to do."""
        if _is_missing(cell):
            marks = ", ".join(map(repr, self._marks))
            return (
                f"is missing, and the model knows {marks}, which pandas takes for a missing cell. "
                "Read the file with keep_default_na=False, or fill these cells: with '' where the "
                "file has nothing"
            )
        return (
            f"is {str(cell)[:60]!r} of type {type(cell).__name__}, and the model knows texts: it "
            "is not known how the file writes it. Read that column as text: with pandas, "
            f"dtype={{{self._name!r}: str}}"
        )


def _readings(text: str) -> set[Decimal]:
    """Return the numbers that a library may read from a text, with or without thousands."""
    plain = []
    if NUMBER.fullmatch(text):
        plain.append(text)
    if re.match(COMMAS, text):
        plain.append(text.replace(".", "").replace(",", "."))
    if re.match(THOUSANDS, text):
        plain.append(text.replace(",", ""))
    found = set()
    for number in plain:
        with suppress(InvalidOperation):  # an exponent with too many digits
            found.add(Decimal(number))
    return found


def typed_cell(cell: str, kind: pa.DataType) -> object:
    """Return the value of a Parquet file's cell before it became text."""
    if cell == MISSING:
        return MISSING
    if pa.types.is_boolean(kind):
        return cell == "true"
    if pa.types.is_integer(kind):
        return int(cell)
    number = Decimal(cell) if pa.types.is_decimal(kind) else float(cell)
    return MISSING if math.isnan(number) else number
