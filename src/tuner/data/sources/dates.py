"""Dates in a text column: finds the order of year, month and day, and parses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tuner.data.sources.cells import all_match, complete, values_of
from tuner.data.table import Column
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tuner.data.table import Part

TIME = (
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:\.[0-9]+)?))?"
    r"(?:Z|(?P<sign>[+-])(?P<ahead>[0-9]{2}):?(?P<minutes>[0-9]{2})?)?)?$"
)
YEAR, MONTH, DAY = r"(?P<year>[0-9]{4})", r"(?P<month>[0-9]{1,2})", r"(?P<day>[0-9]{1,2})"
DATES = {  # in the order in which they are tried
    "ymd": f"^{YEAR}[-/.]{MONTH}[-/.]{DAY}{TIME}",
    "dmy": f"^{DAY}[-/.]{MONTH}[-/.]{YEAR}{TIME}",
    "mdy": f"^{MONTH}[-/]{DAY}[-/]{YEAR}{TIME}",
}
MICROSECONDS = 24 * 3600 * 1e6  # per day
NAMES_OF_PARTS = {"y": said("year"), "m": said("month"), "d": said("day")}


def date_column(name: str, cells: Any, values: Any, missing: int) -> Column | None:
    """Return the column of dates that these cells form; None if they are not dates.

    Args:
        values: the distinct cells that are not missing.
        missing: number of rows without a value.
    """
    forms = _forms_of_dates(values)
    if not forms:
        return None
    form = _in_order(forms, cells) or forms[0]
    column = Column(name=name, kind="date", why="", missing=missing, form=form)
    parts: list[Part] = []
    order: tuple[Part, ...] = ("days", "month", "day", "weekday", "hour")
    for part in order:
        found = as_part(column, cells, part)
        if len(np.unique(found[~np.isnan(found)])) > 1:
            parts.append(part)
    why = said("dates, written {parts}", parts=_parts_in_words(form))
    if others := [other for other in forms if other != form]:
        why = said("{why}; {parts} would fit too", why=why, parts=_parts_in_words(others[0]))
    return Column(name=name, kind="date", why=why, missing=missing, form=form, parts=tuple(parts))


def are_unclear_dates(cells: Any) -> bool:
    """Whether dates fit two orders of day and month, and the rows' order does not decide."""
    forms = _forms_of_dates(values_of(cells))
    return len(forms) > 1 and _in_order(forms, cells) is None


def are_dates(values: Any, form: str) -> NDArray[np.bool_]:
    """Return which cells are dates of this form, a key of `DATES`: (N,)."""
    return ~np.isnan(_days(values, form))


def _forms_of_dates(values: Any) -> list[str]:
    return [
        form
        for form, pattern in DATES.items()
        if all_match(values, pattern) and are_dates(values, form).all()
    ]


def _in_order(forms: Sequence[str], cells: Any) -> str | None:
    """Return the form by which rows are in order of time, either way; if several, the most even."""
    if len(forms) == 1:
        return forms[0]
    uneven = {}
    for form in forms:
        days = _days(cells, form)
        steps = np.diff(days[~np.isnan(days)])
        if len(steps) and ((steps >= 0).all() or (steps <= 0).all()):
            uneven[form] = float(steps.std())
    return min(uneven, key=lambda form: uneven[form], default=None)


def _parts_in_words(form: str) -> str:
    return ", ".join(NAMES_OF_PARTS[letter] for letter in form)


def as_part(column: Column, cells: Any, part: Part) -> NDArray[np.float64]:
    """Return a part of a column's dates, (N,); nan where one is missing.

    Raises:
        ValueError: a cell is not such a date; its index is the second argument of the error.
    """
    days = complete(_days(cells, column.form), cells)
    if part == "days":
        return days
    missing = np.isnan(days)
    whole = np.floor(np.where(missing, 0, days))
    if part == "hour":
        found = np.floor((np.where(missing, 0, days) - whole) * 24 + 1e-9)
    elif part == "weekday":
        found = (whole + 3) % 7  # 1 January 1970 was a Thursday
    else:
        dates = whole.astype("int64").astype("datetime64[D]")
        months = dates.astype("datetime64[M]")
        month = months.astype("int64") % 12 + 1
        found = month if part == "month" else (dates - months).astype("int64") + 1
    return np.where(missing, np.nan, found.astype(np.float64))


def as_moments(column: Column, cells: Any) -> NDArray[np.float64]:
    """Return the moments of dates, (N,), in days since 1970, UTC; nan where one is missing.

    They include seconds and the offset from UTC, which parts of dates leave out. A date without an
    offset is taken as UTC. They are whole microseconds: one moment in two time zones is the same
    number.

    Raises:
        ValueError: a cell is not such a date; its index is the second argument of the error.
    """
    found = pc.extract_regex(cells, DATES[column.form])

    def part(name: str) -> NDArray[np.float64]:
        text = pc.fill_null(pc.struct_field(found, name), "")
        numbers = pc.cast(pc.if_else(pc.equal(text, ""), "0", text), pa.float64())
        return np.asarray(numbers.to_numpy(zero_copy_only=False))

    ahead = part("ahead") + part("minutes") / 60
    signs = pc.fill_null(pc.struct_field(found, "sign"), "").to_numpy(zero_copy_only=False)
    hours = part("second") / 3600 - np.where(signs == "-", -ahead, ahead)
    moments = as_part(column, cells, "days") + hours / 24
    return np.asarray(np.round(moments * MICROSECONDS) / MICROSECONDS)


def _days(cells: Any, form: str) -> NDArray[np.float64]:
    """Return days since 1970, with the time of day as a fraction; nan for other cells."""
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
