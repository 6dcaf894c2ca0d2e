"""The target of a table: classes or numbers, decided by its values, with remarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import torch

from tuner.data.checking import fault_of_numbers
from tuner.data.sources.cells import INFINITE, has_no_value
from tuner.data.sources.kinds import as_numbers, decide, has_three_decimals, is_too_large
from tuner.data.sources.odd_cells import odd_cells_in_words
from tuner.data.table import MISSING, NO_VALUE, ONE_VALUE, Column
from tuner.errors import DataError
from tuner.language import nsaid, said
from tuner.own.spelling import check_words, one_spelling

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from tuner.own.table.given import Given

FEW_NUMBERS = 10  # up to this many different integers are taken as classes
MOST_CLASSES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The target of the rows that have one.

    Attributes:
        column: its kind.
        rows: numbers of the rows of the file that have a target.
        values: of these rows: numbers, or indices of `classes`.
        classes: names; empty for a regression.
        notes: what was changed in it, a sentence each.
    """

    column: Column
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    classes: tuple[str, ...]
    notes: list[str]

    def tensor(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the targets of some rows: (N,) int64 classes, or (N, 1) float64 numbers."""
        own = torch.from_numpy(self.values[rows])
        return own.long() if self.classes else own.view(-1, 1)


def read_target(given: Given, cells: Any, *, commas: bool) -> Target:
    """Read the target, leaving out the rows without one.

    Args:
        cells: of the target, without surrounding spaces.
        commas: whether the file has decimal commas.

    Raises:
        DataError: it cannot be learnt: another type than was asked for, an id, a single class, a
            class with one row, infinite numbers, or numbers too large or too small to compute with.
    """
    name = given.target
    infinite = pc.is_in(pc.utf8_lower(cells), _array(INFINITE)).to_numpy(zero_copy_only=False)
    if infinite.any():
        raise DataError(
            f"row {int(infinite.argmax()) + 1} of target {name!r} is infinite; correct or remove "
            "such rows"
        )
    column = decide(name, cells, commas=commas)
    if column.why == NO_VALUE:
        raise DataError(f"target {name!r} has no value in any row; name another column")
    if column.why == ONE_VALUE:
        what = repr(cells[0].as_py())
        raise DataError(
            f"target {name!r} is {what} in all rows, so there is nothing to learn; add rows with "
            "other targets"
        )
    return (
        _numbers(column, cells)
        if _is_number(given, column, cells)
        else _classes(given, column, cells)
    )


def _is_number(given: Given, column: Column, cells: Any) -> bool:
    """Whether the target is used as a number."""
    if given.task is not None:
        return given.task == "regression"
    if column.numbers_rows:
        raise DataError(
            f"target {column.name!r} has a different whole number in each row, as an id has; "
            "name another column, or add --task regression if you want to predict it anyway"
        )
    if column.kind == "date":
        raise DataError(
            f"target {column.name!r} is a date; a target is a number or a class. Make a column of "
            "the days until then"
        )
    if column.kind != "number":
        return False
    try:
        values = as_numbers(column, cells)
    except ValueError:
        return True  # 1e999 is refused later, as a number
    known = np.unique(values[~np.isnan(values)])
    return len(known) > FEW_NUMBERS or bool((known != known.round()).any())


def _numbers(column: Column, cells: Any) -> Target:
    form = column.form if column.kind in {"number", "left out"} else ""  # an id is left out
    number = Column(name=column.name, kind="number", why="", form=form)
    try:
        values = as_numbers(number, cells)
    except ValueError as error:
        place = error.args[-1]
        cell = cells[place].as_py()
        wrong = "too large for a number" if is_too_large(cell) else "not a number"
        raise DataError(
            f"row {place + 1} of target {column.name!r} is {cell!r}, which is {wrong}; correct it, "
            "or use --task classification"
        ) from error
    rows = np.flatnonzero(~np.isnan(values))
    known = values[rows]
    if len(np.unique(known)) < 2:
        raise DataError(f"target {column.name!r} has one value, so there is nothing to learn")
    if fault := fault_of_numbers(torch.from_numpy(known)):
        raise DataError(f"the numbers of target {column.name!r} are {fault}")
    why = said("a number")
    notes = _without(len(values) - len(rows), column.name)
    if not number.form and has_three_decimals(cells):
        notes.append(
            said(
                "The numbers of target {name!r} have three decimals each. If a point stands "
                "between thousands there, remove the points.",
                name=column.name,
            )
        )
    return Target(
        column=Column(name=column.name, kind="number", why=why, form=number.form),
        rows=rows,
        values=known,
        classes=(),
        notes=notes,
    )


def _classes(given: Given, column: Column, cells: Any) -> Target:
    name = column.name
    notes: list[str] = []
    odd = odd_cells_in_words(cells)
    if odd is not None:
        notes.append(said("Of the target {name!r}, {odd}.", name=name, odd=odd))
    hint = "" if odd is None else f"; {odd}: correct these cells, or leave them empty"
    if column.kind in {"number", "yes or no"}:
        values = as_numbers(column, cells)
        rows = np.flatnonzero(~np.isnan(values))
        texts = cells.take(_array(rows.tolist()))
        if given.task is None and column.kind == "number":
            count = len(np.unique(values[rows]))
            notes.append(
                said(
                    "The target {name!r} has {count} different whole numbers, so it is taken as "
                    "classes; --task regression takes it as a number.",
                    name=name,
                    count=count,
                )
            )
    else:
        rows = np.flatnonzero(pc.not_equal(cells, MISSING).to_numpy(zero_copy_only=False))
        texts = cells.take(_array(rows.tolist()))
        notes += _marked(name, texts)
    texts = _spelled_alike(column, texts)
    counts = {one["values"]: one["counts"] for one in pc.value_counts(texts).to_pylist()}
    if len(counts) > min(MOST_CLASSES, max(len(rows) // 2, 2)):
        raise DataError(
            f"target {name!r} has {len(counts)} different values in {len(rows)} rows, as an id or "
            f"free text has; a class needs several rows{hint}"
        )
    if len(counts) == 1:
        raise DataError(
            f"target {name!r} is {next(iter(counts))!r} in all rows, so there is nothing to learn; "
            "add rows of another class"
        )
    if single := sorted(label for label, count in counts.items() if count == 1):
        shown = ", ".join(map(repr, single[:5]))
        raise DataError(
            f"there is only one row of class {shown}; one row cannot be trained on and tested, so "
            f"add rows, or remove it{hint}"
        )
    labels = _in_order(column, list(counts))
    places = pc.index_in(texts, _array(labels)).to_numpy(zero_copy_only=False)
    return Target(
        column=Column(name=name, kind="category", why=said("{count} classes", count=len(labels))),
        rows=rows,
        values=places.astype(np.float64),
        classes=tuple(labels),
        notes=[*notes, *_without(len(cells) - len(rows), name)],
    )


def _spelled_alike(column: Column, texts: Any) -> Any:
    """Return the target with one spelling per class: of 1 and 1.0, or Yes and yes, the commoner.

    Raises:
        DataError: classes that are words differ only in case or spaces.
    """
    counts = {one["values"]: one["counts"] for one in pc.value_counts(texts).to_pylist()}
    if column.kind not in {"number", "yes or no"}:
        check_words(column.name, counts)
        return texts
    values = dict(zip(counts, as_numbers(column, _array(counts)).tolist(), strict=True))
    spelling = one_spelling(counts, lambda text: values[text])
    return _array(spelling.values()).take(pc.index_in(texts, _array(spelling)))


def _marked(name: str, texts: Any) -> list[str]:
    """Return a remark on a class that may stand for a missing value."""
    marks = pc.unique(pc.filter(texts, has_no_value(texts))).to_pylist()
    return [
        said(
            "{mark!r} is a class of target {name!r}. If it stands for a missing value, leave these "
            "cells empty: rows without a target are left out.",
            mark=mark,
            name=name,
        )
        for mark in sorted(marks)
    ]


def _in_order(column: Column, labels: list[str]) -> list[str]:
    """Return classes in the order of their numbers, if they are numbers; else of their text.

    No comes before yes, however they are written: scores of one class are those of the last.
    """
    have_order = column.kind in {"number", "yes or no"}
    values = as_numbers(column, _array(labels)) if have_order else np.zeros(len(labels))
    return [label for _, label in sorted(zip(values.tolist(), labels, strict=True))]


def _without(missing: int, name: str) -> list[str]:
    if not missing:
        return []
    return [
        nsaid(
            "{count} row without a target {name!r} was left out.",
            "{count} rows without a target {name!r} were left out.",
            missing,
            count=missing,
            name=name,
        )
    ]


def _array(values: Any) -> Any:
    import pyarrow as pa

    return pa.array(list(values))
