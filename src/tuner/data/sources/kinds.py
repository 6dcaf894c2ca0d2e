"""Decides the kind of a text column from all its rows, and parses its cells.

The rules, in their order. An empty cell is missing; in a column of numbers, dates or yes and no, so
is one of `MARKS`, such as NA. In a column of text NA is a value: it may be Namibia.

1. No value, or one value in all rows: left out.
2. All are numbers: numbers. But codes with leading zeros (007) stay text.
3. All are numbers with decimal commas, or with commas between thousands: numbers. A column such as
   0,5 and 1,25 proves decimal commas, because these cannot separate thousands; so does one such as
   1.200.000, whose points separate thousands. If a column proves them, the whole file has decimal
   commas, unless its cells are separated by commas; then only that column has them, if it has many
   such numbers. 878 and 1.200 also prove them in a file not separated by commas, if there are many
   of them, and each number from 1,000 on has a point. A column such as 1,200 and 85,000 is
   ambiguous: it is read as thousands, unless the file has decimal commas.
4. Two values such as yes and no, or true and false: 0 and 1.
5. All are dates in one order of year, month and day: days, and what recurs (month, weekday, hour).
   If day and month may be swapped, the order is used in which the rows are in time; if both are,
   the more evenly spaced one. Otherwise the day comes first.
6. Otherwise text. Unique values, or mostly sentences: left out. Everything else is a category.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tuner.data.findings import FEWEST, numbers_rows
from tuner.data.sources.cells import (
    all_match,
    any_match,
    complete,
    is_missing,
    values_of,
)
from tuner.data.sources.dates import as_part, date_column
from tuner.data.table import NO_VALUE, NUMBERS_ROWS, ONE_VALUE, Column
from tuner.errors import DataError
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from tuner.data.table import Table

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
CODE = r"^[+-]?0[0-9]+$"  # a number would lose its zeros
# Thousands never begin with a zero: 0.125 and 0,125 are fractions.
COMMAS = r"^[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,[0-9]+)?$"
THOUSANDS = r"^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?$"
WRITTEN = {
    "": f"^(?:{NUMBER.pattern})$",
    ",": COMMAS,
    "thousands": f"(?:{THOUSANDS})|^(?:{NUMBER.pattern})$",
}
PAIRS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))
# 878 and 1.200: a point in each number from 1,000 on.
POINTS = r"^[+-]?(?:[0-9]{1,3}|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)$"
MANY = 10  # distinct numbers, from which on a common pattern is not chance
WORDS = 4  # per text on average, from which on texts are sentences
FEW = 20  # distinct texts, up to which they are a category, however long


def file_has_decimal_commas(columns: Iterable[Any], separator: str) -> bool:
    """Whether a file has decimal commas: a column proves them, and its separator is no comma.

    Args:
        columns: pyarrow arrays of text, without surrounding spaces.
        separator: of the cells of the file.
    """
    return separator != "," and any(
        has_decimal_commas(one) or has_points_between_thousands(one) for one in columns
    )


def has_decimal_commas(cells: Any) -> bool:
    """Whether a column proves decimal commas: with points instead, not all cells are numbers.

    Args:
        cells: a pyarrow array of text, without surrounding spaces.
    """
    values = values_of(cells)
    return (
        len(values) > 0
        and all_match(values, COMMAS)
        and not all_match(values, WRITTEN["thousands"])
    )


def has_points_between_thousands(cells: Any) -> bool:
    """Whether all numbers of a column from 1,000 on have a point, and there are smaller ones.

    Args:
        cells: a pyarrow array of text, without surrounding spaces.
    """
    return has_three_decimals(cells) and any_match(values_of(cells), r"^[+-]?0*[1-9][0-9]*$")


def has_three_decimals(cells: Any) -> bool:
    """Whether numbers of a column have three decimals each, or none, like thousands.

    Args:
        cells: a pyarrow array of text, without surrounding spaces.
    """
    values = values_of(cells)
    return _with(values, r"\.") >= MANY and all_match(values, POINTS)


def form_of(cells: Any, *, commas: bool) -> str | None:
    """Return the notation of a column's numbers, a key of `WRITTEN`; None if not all fit one.

    Args:
        cells: a pyarrow array of text, without surrounding spaces; some may be missing.
        commas: whether the file has decimal commas; then a point separates thousands. A column that
            proves them with many distinct numbers has them in any file.
    """
    values = values_of(cells)
    comma = commas or (_with(values, "[.,]") >= MANY and has_decimal_commas(values))
    forms = (",", "", "thousands") if comma else ("", "thousands")
    return next((form for form in forms if all_match(values, WRITTEN[form])), None)


def decide(name: str, cells: Any, *, commas: bool) -> Column:
    """Decide the kind of a column by the rules above, from all its cells.

    Args:
        cells: a pyarrow array of text, without surrounding spaces.
        commas: whether the file has decimal commas; then a point separates thousands.

    Returns:
        The column; a category has no values yet, because `tuner.own.table` takes them from the
        training rows.
    """
    values = values_of(cells)
    if len(values) == 0:
        return Column(name=name, kind="left out", why=NO_VALUE, missing=len(cells))
    if len(values) == len(cells):
        missing, empty, texts = 0, 0, values
    else:
        missing = int(pc.sum(is_missing(cells)).as_py())
        empty = int(pc.sum(pc.equal(cells, "")).as_py())
        texts = pc.unique(pc.filter(cells, pc.not_equal(cells, "")))
    if len(texts) == 1 and not empty:
        return Column(name=name, kind="left out", why=ONE_VALUE)
    if found := _number(name, cells, values, missing, commas=commas):
        return found
    lower = {value.casefold() for value in values.to_pylist()} if len(values) <= 4 else set()
    for pair in PAIRS:
        if lower == set(pair):
            why = said("{one} is 0, {other} is 1", one=pair[0], other=pair[1])
            return Column(name=name, kind="yes or no", why=why, missing=missing, values=pair)
    if found := date_column(name, cells, values, missing):
        return found
    return _text(name, cells, texts, empty)


def _number(name: str, cells: Any, values: Any, missing: int, *, commas: bool) -> Column | None:
    form = form_of(values, commas=commas)
    if form is None:
        return None
    if all_match(values, WRITTEN[""]) and pc.any(pc.match_substring_regex(values, CODE)).as_py():
        return None
    why = _why_number(form)
    if not form and has_three_decimals(values):
        why = said("{why}, with three decimals each: no points between thousands", why=why)
    column = Column(name=name, kind="number", why=why, missing=missing, form=form)
    if len(values) == len(cells) >= FEWEST and _numbers_rows(column, cells):
        written = form if any_match(values, "[.,]") else ""  # for a target or a time
        return Column(name=name, kind="left out", why=NUMBERS_ROWS, form=written)
    if not missing:
        return column
    marks = pc.filter(cells, pc.and_(is_missing(cells), pc.not_equal(cells, "")))
    if len(marks):
        shown = ", ".join(sorted(pc.unique(marks).to_pylist())[:3])
        column = Column(
            name=name,
            kind="number",
            why=said("{why}; {shown} is a missing value", why=column.why, shown=shown),
            missing=missing,
            form=form,
        )
    return column


def _numbers_rows(column: Column, cells: Any) -> bool:
    whole = all_match(cells, r"^[+-]?[0-9.,]+$")
    return whole and numbers_rows(as_numbers(column, cells))


def _why_number(form: str) -> str:
    return {
        "": said("all are numbers"),
        ",": said("numbers with decimal commas"),
        "thousands": said("numbers with commas between thousands"),
    }[form]


def _text(name: str, cells: Any, texts: Any, empty: int) -> Column:
    rows = len(cells) - empty
    if len(texts) == rows and rows >= FEWEST:
        why = said("each value occurs once, like an id or free text")
        return Column(name=name, kind="left out", why=why, missing=empty)
    spaces = pc.mean(pc.count_substring(texts, " ")).as_py()
    if len(texts) > FEW and spaces + 1 >= WORDS:
        why = said("free text, which tuner does not read")
        return Column(name=name, kind="left out", why=why, missing=empty)
    codes = all_match(texts, r"^[0-9]+$")
    why = (
        said("codes with leading zeros, {count} values", count=len(texts))
        if codes
        else said("text, {count} values", count=len(texts))
    )
    return Column(name=name, kind="category", why=why, missing=empty)


def as_numbers(column: Column, cells: Any) -> NDArray[np.float64]:
    """Return a column of numbers, or of yes and no, as numbers (N,); nan where one is missing.

    Raises:
        ValueError: a cell does not fit; its index is the second argument of the error.
    """
    if column.kind == "yes or no":
        lower = pc.utf8_lower(cells)
        found = np.full(len(cells), np.nan)
        for number, value in enumerate(column.values):
            found[pc.equal(lower, value).to_numpy(zero_copy_only=False)] = number
        return complete(found, cells)
    text = cells
    if column.form == ",":
        text = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
    elif column.form == "thousands":
        text = pc.replace_substring(text, ",", "")
    known = pc.match_substring_regex(cells, WRITTEN[column.form])
    numbers = pc.utf8_ltrim(pc.if_else(known, text, "0"), "+")
    found = pc.cast(numbers, pa.float64()).to_numpy(zero_copy_only=False).copy()
    found[~known.to_numpy(zero_copy_only=False)] = np.nan
    found[np.isinf(found)] = np.nan  # 1e999
    return complete(found, cells) if np.isnan(found).any() else found


def as_codes(column: Column, cells: Any) -> NDArray[np.float64]:
    """Return the codes of a category, (N,); 0 for a value without a code."""
    places = pc.index_in(cells, pa.array(column.values, pa.string()))
    codes: NDArray[np.float64] = (
        pc.fill_null(pc.add(places, 1), 0).to_numpy(zero_copy_only=False).astype(np.float64)
    )
    return codes


def features_of(
    table: Table, cells_of: Callable[[str], Any], rows: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return the features of rows (N, F), by the columns of a table.

    Args:
        cells_of: returns the cells of a column by its name, without surrounding spaces.
        rows: their numbers in the file, from 0; None if these are all rows.

    Raises:
        DataError: a cell does not fit its column; the message names row and column.
    """
    found = []
    for column in table.numbers:
        cells = cells_of(column.name)
        try:
            if column.kind == "date":
                found += [as_part(column, cells, part) for part in column.parts]
            else:
                found.append(as_numbers(column, cells))
        except ValueError as error:
            place = error.args[-1]
            cell = cells[place].as_py()
            wrong = f"does not fit the column ({column.why})"
            if is_too_large(cell):
                wrong = "is too large for a number"
            row = place if rows is None else rows[place]
            raise DataError(
                f"row {row + 1} of column {column.name!r} is {cell!r}, which {wrong}; correct "
                "it, or leave the cell empty"
            ) from error
    found += [as_codes(column, cells_of(column.name)) for column in table.categories]
    return np.stack(found, axis=1)


def _with(values: Any, pattern: str) -> int:
    """Return in how many of these a regular expression matches."""
    return int(pc.sum(pc.match_substring_regex(values, pattern)).as_py() or 0)


def is_too_large(cell: str) -> bool:
    """Whether a cell is a number that overflows a float, such as 1e999."""
    return NUMBER.fullmatch(cell) is not None and math.isinf(float(cell))
