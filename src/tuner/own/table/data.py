"""A table in a file to a data set: its columns, its target, and its test rows, by stated rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from scipy.stats import skew

from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.cells import has_no_value, trimmed
from tuner.data.sources.dates import are_unclear_dates, as_moments, as_part
from tuner.data.sources.kinds import (
    as_numbers,
    decide,
    features_of,
    file_has_decimal_commas,
)
from tuner.data.sources.sheets import read_sheet
from tuner.data.splits import GroupFolds, Holdout, KFold, TimeFolds
from tuner.data.table import Column, Table
from tuner.errors import DataError, unknown_name
from tuner.language import said
from tuner.own.table.findings import look_through
from tuner.own.table.given import path_of
from tuner.own.table.split import Rows, split_rows
from tuner.own.table.target import Target, read_target

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders
    from tuner.data.splits import Scheme
    from tuner.own.table.given import Given

FEWEST = 20  # rows with a target
FEWEST_OF_VALUE = 3  # rows that are trained on, for a value of a category to count
MOST_VALUES = 500  # of a category
FEW_ROWS, MANY_ROWS = 10_000, 50_000  # to develop on: 5 folds, 3 folds, or one part held out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """The columns of a file as text, of the rows that have a target."""

    cells: dict[str, Any]
    commas: bool

    def of(self, name: str) -> Any:
        """Return a column."""
        return self.cells[name]


def load(given: Given, folders: Folders) -> Dataset:
    """Read the table, decide what its columns are, and hold test rows back.

    Raises:
        DataError: the file is not a table that can be learnt from; one line says why.
        UsageError: a column that was named is not there.
    """
    path = path_of(given, folders)
    sheet = read_sheet(path)
    asked = {"target": given.target, "group": given.group, "time": given.time}
    for name in filter(None, asked.values()):
        if name not in sheet.names:
            raise unknown_name("column", "columns", name, sheet.names)
    if given.group and given.time:
        raise DataError("--group and --time are two ways to split the rows; name one of them")
    if given.target in (given.group, given.time):
        raise DataError(f"{given.target!r} is the target, so rows cannot be split by it")
    try:
        return _made(given, path, sheet.names, sheet.cells, list(sheet.notes), sheet.separator)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _made(
    given: Given,
    path: Path,
    names: tuple[str, ...],
    cells: tuple[Any, ...],
    notes: list[str],
    separator: str,
) -> Dataset:
    bare = [trimmed(one) for one in cells]
    commas = file_has_decimal_commas(bare, separator)
    sheet = _Cells(cells=dict(zip(names, bare, strict=True)), commas=commas)
    _check_number(len(bare[0]), "")
    target = read_target(given, sheet.of(given.target), commas=commas)
    notes += target.notes
    _check_number(len(target.rows), " with a target")
    if len(target.rows) < len(bare[0]):
        kept = pa.array(target.rows)
        sheet = replace(sheet, cells={name: one.take(kept) for name, one in sheet.cells.items()})
    columns = _decided(given, sheet)
    rows = _split(given, sheet, target)
    development = pa.array(rows.development)
    columns = [_on_development(one, sheet.of(one.name).take(development)) for one in columns]
    table = Table(
        columns=tuple(columns),
        target=target.column,
        skewed=_is_skewed(target, rows),
        notes=tuple(notes),
    )
    if not table.features:
        why = "; ".join(f"{one.name!r}: {one.why}" for one in columns[:5])
        raise DataError(f"no column is left to learn from ({why}); add one that tells something")
    return _dataset(given, path, sheet, table, target, rows)


def _check_number(rows: int, which: str) -> None:
    if rows < FEWEST:
        raise DataError(
            f"{rows} row{'' if rows == 1 else 's'}{which}; a study needs {FEWEST} or more to "
            "train, validate and test on"
        )


def _decided(given: Given, sheet: _Cells) -> list[Column]:
    """Decide each column but the target; those that rows are split by are left out."""
    found = []
    for name, cells in sheet.cells.items():
        if name == given.target:
            continue
        column = decide(name, cells, commas=sheet.commas)
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


def _split(given: Given, sheet: _Cells, target: Target) -> Rows:
    labels = target.values if target.classes else None
    groups = moments = None
    if given.group:
        groups = _numbered(sheet.of(given.group))
    if given.time:
        moments = _moments(given.time, sheet)
    return split_rows(len(target.values), labels, groups=groups, moments=moments)


def _numbered(cells: Any) -> NDArray[np.int64]:
    """Return the number of each row's group (N,); a row without one is a group of its own.

    A mark such as NA is no group, in text too: rows of which nothing is known would be taken for
    one large group.
    """
    found = pc.dictionary_encode(cells).indices.to_numpy(zero_copy_only=False)
    numbers: NDArray[np.int64] = found.astype(np.int64)
    empty = has_no_value(cells).to_numpy(zero_copy_only=False)
    numbers[empty] = numbers.max() + 1 + np.arange(empty.sum())
    return numbers


def _moments(name: str, sheet: _Cells) -> NDArray[np.float64]:
    cells = sheet.of(name)
    column = decide(name, cells, commas=sheet.commas)
    if column.kind == "date":
        if are_unclear_dates(cells):
            raise DataError(
                f"--time {name} has dates such as {cells[0].as_py()!r}, in which day and month may "
                "be either, and the rows are not in its order; write them like 2024-12-31"
            )
        found = as_moments(column, cells)
    elif column.kind == "number" or "whole number" in column.why:
        found = as_numbers(replace(column, kind="number"), cells)
    else:
        raise DataError(
            f"--time {name} is neither a date nor a number ({column.why}); dates are written like "
            "2024-12-31, 31.12.2024 or 12/31/2024"
        )
    if np.isnan(found).any():
        missing = int(np.isnan(found).sum())
        raise DataError(
            f"{missing} row{' has' if missing == 1 else 's have'} no value in --time {name}, so "
            "there is no place for them in the order; remove them"
        )
    return found


def _on_development(column: Column, own: Any) -> Column:
    """Return a column as the rows that are trained on have it: its values, and whether it tells.

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


def _is_skewed(target: Target, rows: Rows) -> bool:
    """Whether the target is a number with a long tail: a skewness beyond 1."""
    if target.classes:
        return False
    own = target.values[rows.development]
    if len(np.unique(own)) < 2:
        return False
    # By a power of two, which changes no digit: third powers of 1e120 are no numbers any more.
    near_one = np.ldexp(own, -np.frexp(np.abs(own).max())[1])
    return abs(float(skew(near_one))) > 1


def _dataset(
    given: Given, path: Path, sheet: _Cells, table: Table, target: Target, rows: Rows
) -> Dataset:
    features = features_of(table, sheet.of)
    parts = [
        Examples(
            features=torch.from_numpy(features[own]),
            targets=target.tensor(own),
            groups=None if groups is None else torch.from_numpy(groups),
        )
        for own, groups in ((rows.development, rows.groups), (rows.test, rows.test_groups))
    ]
    made = make_dataset(
        name=path.stem.strip() or "table",
        source=said(
            "{file}: {count} rows, target {target!r}; test rows: {how}",
            file=path.name,
            count=len(target.rows),
            target=given.target,
            how=rows.how,
        ),
        development=parts[0],
        test=parts[1],
        validation=_scheme(given, len(rows.development)),
        classes=target.classes,
        columns=table.features,
        table=table,
    )
    if made.findings is None:
        return made
    suspects, told = look_through(given, table, sheet.of, parts[0])
    return replace(made, findings=replace(made.findings, suspects=suspects, told=told))


def _scheme(given: Given, rows: int) -> Scheme:
    k = 5 if rows < FEW_ROWS else 3
    if given.time:
        return TimeFolds(k)
    if given.group:
        return GroupFolds(k)
    return KFold(k) if rows < MANY_ROWS else Holdout(rows // 5)
