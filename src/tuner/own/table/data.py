"""Turns a table in a file into a data set: its columns, target and test rows, by fixed rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from scipy.stats import skew

from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.room import read_whole
from tuner.data.sources.cells import has_no_value, trimmed
from tuner.data.sources.dates import are_unclear_dates, as_moments
from tuner.data.sources.kinds import as_numbers, features_of, file_has_decimal_commas
from tuner.data.sources.odd_cells import with_odd_cells
from tuner.data.sources.sheets import read_sheet
from tuner.data.splits import GroupFolds, Holdout, KFold, TimeFolds
from tuner.data.table import Table
from tuner.errors import DataError, unknown_name
from tuner.language import said
from tuner.own.table.columns import Cells, as_trained_on, decided, groups_alike
from tuner.own.table.findings import look_through
from tuner.own.table.given import path_of
from tuner.own.table.split import Rows, check_classes, split_rows
from tuner.own.table.target import Target, read_target

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders
    from tuner.data.splits import Scheme
    from tuner.own.table.given import Given

FEWEST = 20  # rows with a target
FEW_ROWS, MANY_ROWS = 10_000, 50_000  # development rows: 5 folds, 3 folds, or one part held out


def load(given: Given, folders: Folders) -> Dataset:
    """Read the table, decide the kinds of its columns, and hold test rows back.

    Raises:
        DataError: the file is not a table to learn from; the message gives the reason in one line.
        UsageError: a named column does not exist.
    """
    path = path_of(given, folders)
    with read_whole(path):
        return _loaded(given, path)


def _loaded(given: Given, path: Path) -> Dataset:
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
    sheet = Cells(cells=dict(zip(names, bare, strict=True)), commas=commas)
    _check_number(len(bare[0]), "")
    target = read_target(given, sheet.of(given.target), commas=commas)
    notes += target.notes
    _check_number(len(target.rows), " with a target")
    if len(target.rows) < len(bare[0]):
        kept = pa.array(target.rows)
        sheet = replace(sheet, cells={name: one.take(kept) for name, one in sheet.cells.items()})
    columns = decided(given, sheet)
    rows = _split(given, sheet, target)
    columns = as_trained_on(given, columns, sheet, rows.development)
    if given.group:
        notes += groups_alike(sheet.of(given.group))
    table = Table(
        columns=tuple(columns),
        target=target.column,
        skewed=_is_skewed(target, rows),
        notes=tuple(notes),
    )
    if not table.features:
        why = "; ".join(f"{one.name!r}: {one.why}" for one in columns[:5])
        raise DataError(
            f"no column is left to learn from ({why}); add a column with information about "
            "the target"
        )
    return _dataset(given, path, sheet, table, target, rows)


def _check_number(rows: int, which: str) -> None:
    if rows < FEWEST:
        raise DataError(
            f"{rows} row{'' if rows == 1 else 's'}{which}; a study needs {FEWEST} or more to "
            "train, validate and test on"
        )


def _split(given: Given, sheet: Cells, target: Target) -> Rows:
    labels = target.values if target.classes else None
    groups = moments = None
    if given.group:
        groups = _numbered(sheet.of(given.group))
    if given.time:
        moments = _moments(given.time, sheet)
    rows = split_rows(len(target.values), labels, groups=groups, moments=moments)
    if target.classes:
        check_classes(rows, target.values, target.classes)
    return rows


def _numbered(cells: Any) -> NDArray[np.int64]:
    """Return the number of each row's group (N,); a row without one is a group of its own.

    A mark such as NA is not a group, even in text: rows with an unknown group would otherwise form
    one large group.
    """
    found = pc.dictionary_encode(cells).indices.to_numpy(zero_copy_only=False)
    numbers: NDArray[np.int64] = found.astype(np.int64)
    empty = has_no_value(cells).to_numpy(zero_copy_only=False)
    numbers[empty] = numbers.max() + 1 + np.arange(empty.sum())
    return numbers


def _moments(name: str, sheet: Cells) -> NDArray[np.float64]:
    cells = sheet.of(name)
    column = sheet.column(name)
    if column.kind == "date":
        if are_unclear_dates(cells):
            raise DataError(
                f"--time {name} has dates such as {cells[0].as_py()!r}, in which day and month may "
                "be either, and the rows are not in its order; write them like 2024-12-31"
            )
        found = as_moments(column, cells)
    elif column.kind == "number" or column.numbers_rows:
        found = as_numbers(replace(column, kind="number"), cells)
    else:
        column = with_odd_cells(column, cells)
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


def _is_skewed(target: Target, rows: Rows) -> bool:
    """Whether the target is a number with a long tail: a skewness above 1."""
    if target.classes:
        return False
    own = target.values[rows.development]
    if len(np.unique(own)) < 2:
        return False
    # Scaling by a power of two changes no digit; third powers of 1e120 would overflow.
    near_one = np.ldexp(own, -np.frexp(np.abs(own).max())[1])
    return abs(float(skew(near_one))) > 1


def _dataset(
    given: Given, path: Path, sheet: Cells, table: Table, target: Target, rows: Rows
) -> Dataset:
    features = features_of(table, sheet.of, target.rows)
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
