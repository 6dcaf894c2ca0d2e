"""Decides the kinds of a table's columns, and which are informative on the training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tuner.data.sources.cells import has_no_value
from tuner.data.sources.dates import as_part
from tuner.data.sources.kinds import as_numbers, decide
from tuner.data.sources.odd_cells import with_odd_cells
from tuner.data.table import Column
from tuner.language import said
from tuner.own.spelling import alike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tuner.own.table.given import Given

FEWEST_OF_VALUE = 3  # training rows with a value of a category, below which it does not count
MOST_VALUES = 500  # of a category


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The columns of a file as text, for the rows with a target."""

    cells: dict[str, Any]
    commas: bool

    def of(self, name: str) -> Any:
        """Return the cells of a column."""
        return self.cells[name]

    def column(self, name: str) -> Column:
        """Decide the kind of a column."""
        return decide(name, self.cells[name], commas=self.commas)


def decided(given: Given, sheet: Cells) -> list[Column]:
    """Decide the kind of each column but the target and those that define the split."""
    found = []
    for name, cells in sheet.cells.items():
        if name == given.target:
            continue
        column = sheet.column(name)
        if name == given.group:
            why: str = said("--group: its rows stay on one side of a split")
            missing = int(pc.sum(has_no_value(cells)).as_py())
            column = Column(name=name, kind="left out", why=why, missing=missing)
        elif name == given.time and column.kind == "date":
            parts = tuple(part for part in column.parts if part != "days")
            kind = "date" if parts else "left out"
            why = said("--time: rows are in its order; {why}", why=column.why)
            column = replace(column, parts=parts, kind=kind, why=why)  # type: ignore[arg-type]
        elif name == given.time:
            column = Column(name=name, kind="left out", why=said("--time: rows are in its order"))
        found.append(column)
    return found


def as_trained_on(
    given: Given, columns: Sequence[Column], sheet: Cells, development: NDArray[np.int64]
) -> list[Column]:
    """Return columns with values from the training rows only, and remarks on near misses.

    Args:
        development: numbers of the training rows.
    """
    rows = pa.array(development)
    found = []
    for one in columns:
        cells = sheet.of(one.name)
        column = _on_development(one, cells.take(rows))
        if one.name not in {given.group, given.time}:
            column = with_odd_cells(column, cells)
        found.append(column)
    return found


def groups_alike(cells: Any) -> list[str]:
    """Return remarks on groups that may be one; they stay apart, as two people may be Al and AL."""
    pair = alike(pc.unique(cells).to_pylist())
    if pair is None:
        return []
    return [
        said(
            "Two groups, {one!r} and {other!r}, differ in case or spaces alone. If they are one, "
            "write them alike, or their rows may be on both sides of a split.",
            one=pair[0],
            other=pair[1],
        )
    ]


def _on_development(column: Column, own: Any) -> Column:
    """Return a column with the values of the training rows, and whether it is informative.

    Args:
        own: the cells of these rows.
    """
    if column.kind == "category":
        counted = pc.value_counts(own).to_pylist()
        often = [one for one in counted if one["counts"] >= FEWEST_OF_VALUE]
        often.sort(key=lambda one: (-one["counts"], one["values"]))
        values = tuple(one["values"] for one in often[:MOST_VALUES])
        if not values:
            why = said("no value occurs in {count} rows that are trained on", count=FEWEST_OF_VALUE)
            return Column(name=column.name, kind="left out", why=why, missing=column.missing)
        if len(values) == 1 == len(counted):
            return _untold(column)
        if len(often) > MOST_VALUES:
            why = said(
                "{why}, of which the {count} most frequent are told apart",
                why=column.why,
                count=MOST_VALUES,
            )
            column = replace(column, why=why)
        return replace(column, values=values)
    if column.kind == "date":
        kept = [part for part in column.parts if _tells(as_part(column, own, part))]
        return replace(column, parts=tuple(kept)) if kept else _untold(column)
    if column.kind == "left out" or len(pc.unique(own)) > 2 or _tells(as_numbers(column, own)):
        return column
    return _untold(column)


def _tells(values: NDArray[np.float64]) -> bool:
    """Whether values differ, or some are missing."""
    missing = np.isnan(values)
    known = np.unique(values[~missing])
    return len(known) > 1 or (len(known) == 1 and bool(missing.any()))


def _untold(column: Column) -> Column:
    why = said("the same in all rows that are trained on")
    return Column(name=column.name, kind="left out", why=why, missing=column.missing)
