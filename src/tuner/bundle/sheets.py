"""Reads new rows in the format of a model's training file, from CSV, Parquet or a data frame.

A library of data frames has already parsed the cells of a file: the cell 7 may have been 7, 007 or
7.0 there. So each cell of a frame is written again in the notation of the column in the file, and a
frame gives the same rows as its file. A cell whose text cannot be known is refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import torch

from tuner.bundle.texts import texts_of, typed_cell
from tuner.data.room import read_whole
from tuner.data.sources.cells import trimmed
from tuner.data.sources.kinds import features_of
from tuner.data.sources.plain import name_of
from tuner.data.sources.sheets import read_sheet
from tuner.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from torch import Tensor

    from tuner.data.table import Column, Table


class Sheets:
    """A file of new rows, which may also have the target and further columns.

    Attributes:
        header: names of its columns.
    """

    def __init__(self, path: Path, table: Table, added: Sequence[str]) -> None:
        """Read the file.

        Args:
            table: definition of the file that the model was trained on.
            added: names of the added columns, which the file must not have.

        Raises:
            DataError: the file is not a table.
            UsageError: it lacks columns that the model needs, or has one of the added ones.
        """
        self.path, self._table = path, table
        used = [column.name for column in _used(table)]
        with read_whole(path):
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
        """Yield up to `rows` rows at a time: all their cells, and the model's features (N, F).

        Raises:
            DataError: a cell does not fit its column; the message names file, row and column.
        """
        bare = dict(zip(self.header, map(trimmed, self._sheet.cells), strict=True))
        for column in _used(self._table):
            if column.name in self._sheet.typed:
                bare[column.name] = self._as_text(column, bare[column.name])

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

    def _as_text(self, column: Column, cells: Any) -> Any:
        """Return Parquet's numbers and booleans, in a column of texts, in that column's notation.

        Raises:
            DataError: the notation of one cannot be known.
        """
        kind = self._sheet.typed[column.name]
        if column.kind not in {"category", "yes or no"} or pa.types.is_temporal(kind):
            return cells
        try:
            texts = texts_of(column, (typed_cell(cell, kind) for cell in cells.to_pylist()))
        except DataError as error:
            raise DataError(f"{self.path}: {error}, and write the file again") from error
        return pa.array(texts, pa.string())

    def _as_written(self, cells_of: Callable[[str], Any]) -> Iterator[Column]:
        """Yield the model's columns with the notation of this file.

        Numbers and dates of Parquet need none. If commas separate the cells, and no number contains
        one, there are no decimal commas, so a point is a decimal point and does not separate
        thousands.
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
    """Return the model's features (N, F) of a data frame, the same as from a file with these rows.

    Text is read as in the file: in a column with decimal commas, "1.234" is 1234. A number stays
    what it is: there, the number 1.234 corresponds to 1,234 in the file.

    Args:
        table: definition of the file that the model was trained on.
        frame: of pandas, polars or another library: it has `columns`, and returns the cells of one
            by its name. It may have the target, and columns that the model does not use.

    Raises:
        UsageError: it lacks a column that the model needs, or has it twice; or it has no rows.
        DataError: a cell does not fit its column, or its text in the file cannot be known; the
            message names row and column.
    """
    columns = {column.name: column for column in _used(table)}
    keys = _keys_of(frame, list(columns))
    if not any(True for _ in frame[next(iter(keys.values()))]):
        raise UsageError("there are no rows")

    def cells_of(name: str) -> Any:
        return trimmed(pa.array(texts_of(columns[name], frame[keys[name]]), pa.string()))

    return torch.from_numpy(features_of(table, cells_of))


def _used(table: Table) -> list[Column]:
    return [*table.numbers, *table.categories]


def _keys_of(frame: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return the frame's own names of columns, by their names in the file."""
    keys: dict[str, Any] = {}
    for place, key in enumerate(frame.columns):
        if str(key) == f"Unnamed: {place}":  # pandas' name for a column without one
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
