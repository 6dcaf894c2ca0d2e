"""New rows in the format of the file that a model was trained on: CSV, Parquet, or a data frame.

A library of data frames has read the cells of a file already: the cell 7 may have been 7, 007 or
7.0 there. Each cell of a frame is written again as the column is written in the file, so that a
frame gives what its file gives. A cell whose text cannot be known is refused.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from tuner.data.sources.cells import trimmed
from tuner.data.sources.kinds import COMMAS, NUMBER, PAIRS, THOUSANDS, features_of
from tuner.data.sources.sheets import name_of, read_sheet
from tuner.data.table import MISSING
from tuner.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from torch import Tensor

    from tuner.data.table import Column, Table

# texts that pandas takes for a missing cell unless it is told otherwise
PANDAS_MARKS = frozenset(
    {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)


class Sheets:
    """A file of new rows; it may have the target, and columns that the model does not use.

    Attributes:
        header: names of its columns.
    """

    def __init__(self, path: Path, table: Table, added: Sequence[str]) -> None:
        """Read it.

        Args:
            table: of the file that the model was trained on.
            added: names that the file must not have, as they are added to it.

        Raises:
            DataError: the file is not a table.
            UsageError: it lacks columns that the model needs, or has those that are added.
        """
        self.path, self._table = path, table
        used = [column.name for column in _used(table)]
        self._sheet = read_sheet(path, needed=used)
        self.header = list(self._sheet.names)
        if missing := [name for name in used if name not in self.header]:
            raise UsageError(
                f"{path} lacks the columns {', '.join(missing)}; its first line has to name "
                f"{', '.join(used)}, in any order"
            )
        for column in added:
            if column in self.header:
                raise UsageError(
                    f"{path} has a column {column!r} already, which tuner would add; rename or "
                    "remove it"
                )

    def parts(self, rows: int) -> Iterator[tuple[list[list[str]], Tensor]]:
        """Yield up to so many rows at a time: all their cells, and the model's features (N, F).

        Raises:
            DataError: a cell does not fit its column; file, row and column are named.
        """
        bare = dict(zip(self.header, map(trimmed, self._sheet.cells), strict=True))

        def cells_of(name: str) -> Any:
            return bare[name]

        table = replace(self._table, columns=tuple(self._as_written(cells_of)))
        try:
            features = torch.from_numpy(features_of(table, cells_of))
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from error
        columns = [column.to_pylist() for column in self._sheet.cells]
        cells = [list(row) for row in zip(*columns, strict=True)]
        for start in range(0, len(cells), rows):
            yield cells[start : start + rows], features[start : start + rows]

    def _as_written(self, cells_of: Callable[[str], Any]) -> Iterator[Column]:
        """Yield the model's columns as this file writes them.

        Numbers and dates of Parquet are what they are. Where commas separate the cells and none is
        in a number, there are no decimal commas, so a point stands for one and not in thousands.
        """
        columns, typed = self._table.columns, self._sheet.typed
        commas = [one.name for one in columns if one.kind == "number" and one.form == ","]
        plain = self._sheet.separator == "," and not any(
            pc.any(pc.match_substring(cells_of(name), ",")).as_py() for name in commas
        )
        for column in columns:
            if column.kind == "number" and column.form == ",":
                yield replace(column, form="") if plain or column.name in typed else column
            elif column.kind == "date" and column.name in typed:
                yield replace(column, form="ymd")
            else:
                yield column


def features_of_frame(table: Table, frame: Any) -> Tensor:
    """Return the model's features (N, F) of a data frame, as a file with these rows has them.

    Text is read as in the file: in a column with decimal commas, "1.234" is 1234. A number is what
    it is: there 1.234 is 1,234 of the file.

    Args:
        table: of the file that the model was trained on.
        frame: of pandas, polars or another library: it has `columns`, and gives the cells of one by
            its name. It may have the target, and columns that the model does not use.

    Raises:
        UsageError: it lacks a column that the model needs, or has it twice; or it has no rows.
        DataError: a cell does not fit its column, or its text in the file cannot be known; row and
            column are named.
    """
    columns = {column.name: column for column in _used(table)}
    keys = _keys_of(frame, list(columns))
    if not any(True for _ in frame[next(iter(keys.values()))]):
        raise UsageError("there are no rows")

    def cells_of(name: str) -> Any:
        return trimmed(pa.array(_texts(columns[name], frame[keys[name]]), pa.string()))

    return torch.from_numpy(features_of(table, cells_of))


def _used(table: Table) -> list[Column]:
    return [*table.numbers, *table.categories]


def _keys_of(frame: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return what the frame calls columns that are known by their names in the file."""
    keys: dict[str, Any] = {}
    for place, key in enumerate(frame.columns):
        if str(key) == f"Unnamed: {place}":  # pandas, where the header has no name
            keys[f"column {place + 1}"] = key
    keys |= {name_of(str(key)): key for key in frame.columns}
    if missing := [name for name in names if name not in keys]:
        raise UsageError(f"the rows have no column {', '.join(map(repr, missing))}")
    counts = Counter(name_of(str(key)) for key in frame.columns)
    if twice := [name for name in names if counts[name] > 1]:
        raise UsageError(
            f"the rows have more than one column {', '.join(map(repr, twice))}; rename or remove "
            "all but one"
        )
    return {name: keys[name] for name in names}


def _texts(column: Column, cells: Any) -> list[str]:
    """Return the cells of a frame's column as the file has them.

    Raises:
        DataError: that cannot be known of one.
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
    """Return a cell of numbers, yes or no, or dates; what fits none is refused as in a file."""
    if isinstance(cell, str):
        return str(cell)
    if _is_missing(cell):
        return MISSING
    if column.kind == "yes or no" and isinstance(cell, bool | np.bool_):
        return column.values[int(cell)]
    if column.kind == "date":
        return _date(cell, column.form)
    if column.form == "," and isinstance(cell, float | np.floating | Decimal):
        # A point would stand between thousands, and there is no exponent.
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
    """Whether a cell is None, nan or what a library has for it: they are not equal to themselves.

    The libraries are not imported for it, as they may not be installed.
    """
    try:
        return cell is None or not bool(cell == cell)
    except TypeError:
        return True  # pandas.NA is neither equal nor not
    except ValueError:
        return False  # an array of several


class _Category:
    """The known values of a category, by what a frame may hold in place of their text."""

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
        """Return the text that the file has for a cell; None: that cannot be known.

        A text with a code has to be the only one that can stand for the cell. Where none can, the
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
            # Whole numbers become floats in a column with missing cells: 3.0 may be 3.
            known, plain = self._rounded.get(float(cell), set()), {str(cell), f"{cell:.0f}"}
        else:
            return None
        if not known:
            return str(cell)
        (text, *others) = known
        return text if not others and text in plain else None

    def refusal(self, cell: object) -> str:
        """Say why a cell has no text, and what to do."""
        if _is_missing(cell):
            marks = ", ".join(map(repr, self._marks))
            return (
                f"is missing, and the model knows {marks}, which pandas takes for a missing cell. "
                "Read the file with keep_default_na=False, or fill these cells: with '' where the "
                "file has nothing"
            )
        return (
            f"is {str(cell)[:60]!r} of type {type(cell).__name__}, and the model knows texts: how "
            "the file writes it cannot be told. Read that column as text: with pandas, "
            f"dtype={{{self._name!r}: str}}"
        )


def _readings(text: str) -> set[Decimal]:
    """Return the numbers that a library may read a text as; marks of thousands are its option."""
    plain = []
    if NUMBER.fullmatch(text):
        plain.append(text)
    if re.match(COMMAS, text):
        plain.append(text.replace(".", "").replace(",", "."))
    if re.match(THOUSANDS, text):
        plain.append(text.replace(",", ""))
    found = set()
    for number in plain:
        with suppress(InvalidOperation):  # an exponent of many digits
            found.add(Decimal(number))
    return found
