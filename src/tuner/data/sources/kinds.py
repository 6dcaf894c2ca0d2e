"""What a column of text is, decided over all its rows; and its cells as numbers.

The rules, in their order. A cell that is empty is missing; in a column of numbers, dates or yes and
no, so is one of `MARKS`, such as NA. In a column of text NA is a value: it may be Namibia.

1. No value, or one value in all rows: left out.
2. All are numbers: numbers. But codes with leading zeros (007) stay text.
3. All are numbers with decimal commas, or with commas between thousands: numbers. A column such as
   1,200 and 85,000 may be either: it is thousands, unless the file has decimal commas. It has where
   the cells are not separated by commas and a column of numbers, such as 0,5 and 1,25, cannot have
   them between thousands.
4. Two values such as yes and no, or true and false: 0 and 1.
5. All are dates in one order of year, month and day: days, and what recurs (month, weekday, hour).
6. Else text. Each value once, or mostly sentences: left out. Else a category.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tuner.data.findings import FEWEST, numbers_rows
from tuner.data.table import Column
from tuner.errors import DataError
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tuner.data.table import Part, Table

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
CODE = r"^[+-]?0[0-9]+$"  # a number would lose its zeros
# No thousands begin with a zero: 0.125 and 0,125 are parts of one.
COMMAS = r"^[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,[0-9]+)?$"
THOUSANDS = r"^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?$"
WRITTEN = {
    "": f"^(?:{NUMBER.pattern})$",
    ",": COMMAS,
    "thousands": f"(?:{THOUSANDS})|^(?:{NUMBER.pattern})$",
}
MARKS = ("na", "n/a", "#n/a", "nan", "null", "none", "-", "?", ".", "nil", "nat", "<na>")
INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
PAIRS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))
TIME = (
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::[0-9]{2}(?:\.[0-9]+)?)?"
    r"(?:Z|[+-][0-9:]+)?)?$"
)
YEAR, MONTH, DAY = r"(?P<year>[0-9]{4})", r"(?P<month>[0-9]{1,2})", r"(?P<day>[0-9]{1,2})"
DATES = {  # in the order in which they are tried
    "ymd": f"^{YEAR}[-/.]{MONTH}[-/.]{DAY}{TIME}",
    "dmy": f"^{DAY}[-/.]{MONTH}[-/.]{YEAR}{TIME}",
    "mdy": f"^{MONTH}[-/]{DAY}[-/]{YEAR}{TIME}",
}
NAMES_OF_PARTS = {"y": said("year"), "m": said("month"), "d": said("day")}
WORDS = 4  # on average, from which text is sentences
FEW = 20  # different texts are a category, however long


def trimmed(cells: Any) -> Any:
    """Return cells of text without the spaces around them."""
    return pc.utf8_trim_whitespace(cells)


def has_decimal_commas(cells: Any) -> bool:
    """Whether a column proves decimal commas: so read all are numbers, with thousands they are not.

    Args:
        cells: a pyarrow array of text, without spaces around.
    """
    values = _values(cells)
    return (
        len(values) > 0
        and _all(values, COMMAS)
        and bool(pc.any(pc.match_substring(values, ",")).as_py())
        and not _all(values, WRITTEN["thousands"])
    )


def form_of(cells: Any, *, commas: bool) -> str | None:
    """Return how the numbers of a column are written, a key of `WRITTEN`; None: not all are.

    Args:
        cells: a pyarrow array of text, without spaces around; some may be missing.
        commas: whether the file has decimal commas; then a point stands between thousands.
    """
    values = _values(cells)
    forms = (",", "", "thousands") if commas else ("", "thousands")
    return next((form for form in forms if _all(values, WRITTEN[form])), None)


def has_no_value(cells: Any) -> Any:
    """Return which cells are empty or one of `MARKS`, a pyarrow array of bool."""
    return pc.is_in(pc.utf8_lower(cells), pa.array(["", *MARKS], pa.string()))


def decide(name: str, cells: Any, *, commas: bool) -> Column:
    """Decide what a column is by the rules above, over all its cells.

    Args:
        cells: a pyarrow array of text, without spaces around.
        commas: whether the file has decimal commas; then a point stands between thousands.

    Returns:
        The column, of a category without its values, which `tuner.own.table` takes from the rows
        that are trained on.
    """
    values = _values(cells)
    if len(values) == 0:
        return Column(
            name=name, kind="left out", why=said("no row has a value"), missing=len(cells)
        )
    if len(values) == len(cells):
        missing, empty, texts = 0, 0, values
    else:
        missing = int(pc.sum(_is_missing(cells)).as_py())
        empty = int(pc.sum(pc.equal(cells, "")).as_py())
        texts = pc.unique(pc.filter(cells, pc.not_equal(cells, "")))
    if len(texts) == 1 and not empty:
        return Column(name=name, kind="left out", why=said("the same in all rows"))
    if found := _number(name, cells, values, missing, commas=commas):
        return found
    lower = {value.casefold() for value in values.to_pylist()} if len(values) <= 4 else set()
    for pair in PAIRS:
        if lower == set(pair):
            why = said("{one} is 0, {other} is 1", one=pair[0], other=pair[1])
            return Column(name=name, kind="yes or no", why=why, missing=missing, values=pair)
    if found := _date(name, cells, values, missing):
        return found
    return _text(name, cells, texts, empty)


def _number(name: str, cells: Any, values: Any, missing: int, *, commas: bool) -> Column | None:
    form = form_of(values, commas=commas)
    if form is None:
        return None
    if _all(values, WRITTEN[""]) and pc.any(pc.match_substring_regex(values, CODE)).as_py():
        return None
    column = Column(name=name, kind="number", why=_why_number(form), missing=missing, form=form)
    if len(values) == len(cells) >= FEWEST and _numbers_rows(column, cells):
        why = said("a different whole number in each row, like an id")
        written = "" if _all(values, r"^[^.,]*$") else form  # it may be read, as a target or time
        return Column(name=name, kind="left out", why=why, form=written)
    if not missing:
        return column
    marks = pc.filter(cells, pc.and_(_is_missing(cells), pc.not_equal(cells, "")))
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
    whole = _all(cells, r"^[+-]?[0-9.,]+$")
    return whole and numbers_rows(as_numbers(column, cells))


def _why_number(form: str) -> str:
    return {
        "": said("all are numbers"),
        ",": said("numbers with decimal commas"),
        "thousands": said("numbers with commas between thousands"),
    }[form]


def _date(name: str, cells: Any, values: Any, missing: int) -> Column | None:
    for form, pattern in DATES.items():
        if _all(values, pattern) and not np.isnan(_days(values, form)).any():
            column = Column(name=name, kind="date", why="", missing=missing, form=form)
            parts: list[Part] = []
            order: tuple[Part, ...] = ("days", "month", "day", "weekday", "hour")
            for part in order:
                found = as_part(column, cells, part)
                if len(np.unique(found[~np.isnan(found)])) > 1:
                    parts.append(part)
            parts_of_form = ", ".join(NAMES_OF_PARTS[letter] for letter in form)
            why = said("dates, written {parts}", parts=parts_of_form)
            return Column(
                name=name, kind="date", why=why, missing=missing, form=form, parts=tuple(parts)
            )
    return None


def _text(name: str, cells: Any, texts: Any, empty: int) -> Column:
    rows = len(cells) - empty
    if len(texts) == rows and rows >= FEWEST:
        why = said("each value occurs once, like an id or free text")
        return Column(name=name, kind="left out", why=why, missing=empty)
    spaces = pc.mean(pc.count_substring(texts, " ")).as_py()
    if len(texts) > FEW and spaces + 1 >= WORDS:
        why = said("free text, which tuner does not read")
        return Column(name=name, kind="left out", why=why, missing=empty)
    codes = _all(texts, r"^[0-9]+$")
    why = (
        said("codes with leading zeros, {count} values", count=len(texts))
        if codes
        else said("text, {count} values", count=len(texts))
    )
    return Column(name=name, kind="category", why=why, missing=empty)


def as_numbers(column: Column, cells: Any) -> NDArray[np.float64]:
    """Return the cells of a column of numbers, or yes and no, (N,); nan where one is missing.

    Raises:
        ValueError: a cell is something else; its place is the second argument of the error.
    """
    if column.kind == "yes or no":
        lower = pc.utf8_lower(cells)
        found = np.full(len(cells), np.nan)
        for number, value in enumerate(column.values):
            found[pc.equal(lower, value).to_numpy(zero_copy_only=False)] = number
        return _complete(found, cells)
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
    return _complete(found, cells) if np.isnan(found).any() else found


def as_part(column: Column, cells: Any, part: Part) -> NDArray[np.float64]:
    """Return a part of the dates of a column, (N,); nan where one is missing.

    Raises:
        ValueError: a cell is something else; its place is the second argument of the error.
    """
    days = _complete(_days(cells, column.form), cells)
    if part == "days":
        return days
    missing = np.isnan(days)
    whole = np.floor(np.where(missing, 0, days))
    if part == "hour":
        found = np.floor((np.where(missing, 0, days) - whole) * 24 + 1e-9)
    elif part == "weekday":
        found = (whole + 3) % 7  # the first of January 1970 was a Thursday
    else:
        dates = whole.astype("int64").astype("datetime64[D]")
        months = dates.astype("datetime64[M]")
        month = months.astype("int64") % 12 + 1
        found = month if part == "month" else (dates - months).astype("int64") + 1
    return np.where(missing, np.nan, found.astype(np.float64))


def as_codes(column: Column, cells: Any) -> NDArray[np.float64]:
    """Return the codes of a category, (N,); 0 for a value that has none."""
    places = pc.index_in(cells, pa.array(column.values, pa.string()))
    codes: NDArray[np.float64] = (
        pc.fill_null(pc.add(places, 1), 0).to_numpy(zero_copy_only=False).astype(np.float64)
    )
    return codes


def features_of(table: Table, cells_of: Callable[[str], Any]) -> NDArray[np.float64]:
    """Return the features of rows (N, F) by the columns of a table.

    Args:
        cells_of: the cells of a column by its name, without spaces around.

    Raises:
        DataError: a cell does not fit its column; row and column are named.
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
            if NUMBER.fullmatch(cell):
                wrong = "is too large for a number"
            raise DataError(
                f"row {place + 1} of column {column.name!r} is {cell!r}, which {wrong}; correct "
                "it, or leave the cell empty"
            ) from error
    found += [as_codes(column, cells_of(column.name)) for column in table.categories]
    return np.stack(found, axis=1)


def _days(cells: Any, form: str) -> NDArray[np.float64]:
    """Return days since 1970, with the time of the day as a share of one; nan: not such a date."""
    found = pc.extract_regex(cells, DATES[form])

    def part(name: str) -> NDArray[np.int64]:
        text = pc.fill_null(pc.struct_field(found, name), "0")
        text = pc.if_else(pc.equal(text, ""), "0", text)
        numbers: NDArray[np.int64] = pc.cast(text, pa.int64()).to_numpy(zero_copy_only=False)
        return numbers

    year, month, day, hour, minute = map(part, ("year", "month", "day", "hour", "minute"))
    sound = (year > 0) & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60)
    months = np.where(sound, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1)
    sound &= dates.astype("datetime64[M]") == months
    days = dates.astype("int64") + (hour + minute / 60) / 24
    return np.where(sound, days, np.nan)


def _complete(found: NDArray[np.float64], cells: Any) -> NDArray[np.float64]:
    """Refuse what is neither read nor missing."""
    wrong = np.isnan(found) & ~_is_missing(cells).to_numpy(zero_copy_only=False)
    if wrong.any():
        raise ValueError("a cell does not fit its column", int(wrong.argmax()))
    return found


def _is_missing(cells: Any) -> Any:
    marks = pa.array(["", *MARKS, *INFINITE], pa.string())
    return pc.is_in(pc.utf8_lower(cells), marks)


def _values(cells: Any) -> Any:
    """Return the different cells that are not missing."""
    distinct = pc.unique(cells)
    return pc.filter(distinct, pc.invert(_is_missing(distinct)))


def _all(values: Any, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())
