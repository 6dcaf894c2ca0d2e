"""New rows in the format of the file that a model was trained on: CSV, Parquet, or a data frame.

A library of data frames has read the cells of a file already: the cell 7 may have been 7, 007 or
7.0 there. Each cell of a frame is written again as the column is written in the file, so that a
frame gives what its file gives. A cell whose text cannot be known is refused.
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
        """Yield up to so many rows at a time: all their cells, and the model's features (N, F).

        Raises:
            DataError: a cell does not fit its column; file, row and column are named.
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
        """Return numbers and truths of Parquet, in a column of texts, as that column has them.

        Raises:
            DataError: that cannot be known of one.
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
        return trimmed(pa.array(texts_of(columns[name], frame[keys[name]]), pa.string()))

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
