"""Checks the rows of a data set once, before anything is trained on them."""

from __future__ import annotations

from numbers import Integral
from types import NoneType
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from torch import Tensor

from tuner.data.examples import Examples, PixelStatistics
from tuner.data.images import MODES
from tuner.data.room import rows_at_a_time
from tuner.data.splits import Holdout, Scheme
from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Types of features: for tables, and for rows that the model gets unchanged.
TABLES = (torch.float32, torch.float64)
RAW = (torch.int64, torch.int32, torch.float32)


def check_kinds(
    name: str, development: object, test: object, validation: object, pixels: object
) -> None:
    """Check the types of the arguments of `make_dataset`.

    Raises:
        DataError: one has a wrong type.
    """
    for what, given, kinds, call in (
        ("development", development, (Examples,), "Examples(features=..., targets=...)"),
        ("test", test, (Examples,), "Examples(features=..., targets=...)"),
        ("validation", validation, get_args(Scheme), "KFold(5) or Holdout(rows)"),
        ("pixels", pixels, (PixelStatistics, NoneType), "PixelStatistics(mean=..., std=...)"),
    ):
        if not isinstance(given, kinds):
            raise DataError(f"{name}: {what} is {_a_kind(given)}; give {call}")


def _a_kind(given: object) -> str:
    """Describe a value: a number or a text by itself, anything else by its type."""
    if given is None or isinstance(given, int | float | str):
        return repr(given)
    return f"an object of type {type(given).__name__}"


def check_rows(
    name: str,
    part: str,
    rows: Examples,
    classes: tuple[str, ...],
    columns: tuple[str, ...],
    pixels: PixelStatistics | None,
    *,
    raw: bool = False,
    gaps: bool = False,
) -> None:
    """Check one part of a data set: development or test.

    Args:
        gaps: whether a feature may be nan, for a cell of a table without a value.

    Raises:
        DataError: its features or targets have faults; all of them are named.
    """
    wrong = [
        *_features(rows, columns, pixels, raw=raw, gaps=gaps),
        *(_classes(rows, classes) if classes else _numbers(rows)),
    ]
    if wrong:
        raise DataError(f"{name}, {part} rows: {'; '.join(wrong)}")


def _features(
    rows: Examples,
    columns: tuple[str, ...],
    pixels: PixelStatistics | None,
    *,
    raw: bool,
    gaps: bool,
) -> Iterator[str]:
    if raw:
        return _raw(rows, columns, pixels)
    return _images(rows, pixels, columns) if pixels else _table(rows, columns, gaps=gaps)


def check_parts(
    name: str,
    development: Examples,
    test: Examples,
    validation: Scheme,
    classes: tuple[str, ...],
) -> None:
    """Check that the parts of a data set fit each other; each part has already been checked.

    Raises:
        DataError: test rows have another shape than development rows, or a class has too few
            development rows to hold some out.
    """
    shapes = [tuple(part.features.shape[1:]) for part in (development, test)]
    if shapes[0] != shapes[1]:
        raise DataError(
            f"{name}: development rows have shape {shapes[0]}, and test rows {shapes[1]}; a model "
            "takes one shape, so read both alike"
        )
    if classes and isinstance(validation, Holdout):
        counts = development.counts(len(classes))
        single = [one for one, count in zip(classes, counts, strict=True) if count == 1]
        if single:
            raise DataError(
                f"{name}: there is only one development row of class {', '.join(single)}; "
                "holding rows out takes at least two of each class, so add rows or leave the "
                "class out"
            )


def check_targets(name: str, development: Examples, classes: tuple[str, ...]) -> None:
    """Check that the targets differ, so that there is something to learn.

    Raises:
        DataError: a class has no development rows; all targets are the same; or targets are numbers
            too large or too small to compute with.
    """
    counts = development.counts(len(classes))
    absent = [one for one, count in zip(classes, counts, strict=True) if not count]
    if absent:
        missing = ", ".join(absent)
        raise DataError(
            f"{name}: there are no development rows of class {missing}; leave the class out"
        )
    if len(development.targets.unique(dim=0)) == 1:
        raise DataError(
            f"{name}: all development rows have the same target, so there is nothing to learn; "
            "add rows with other targets"
        )
    if not classes and (wrong := fault_of_numbers(development.targets)):
        raise DataError(f"{name}: the targets of the development rows are {wrong}")


def fault_of_numbers(targets: Tensor) -> str | None:
    """Return why numbers cannot be scaled to a standard deviation of 1; None if they can."""
    spread = targets.double().std(correction=0)
    if spread.isfinite() and spread > 0:
        return None
    what, advice = ("small", "multiply") if spread == 0 else ("large", "divide")
    return (
        f"too {what} to compute with: they lie between {targets.min():.3g} and "
        f"{targets.max():.3g}, and the square of their standard deviation does not fit into a "
        f"64-bit number; {advice} all of them by the same number"
    )


def plain_names(name: str, what: str, names: Iterable[object]) -> tuple[str, ...]:
    """Return names as plain text; text types of any library and integers are accepted.

    Raises:
        DataError: a name is something else, or has half a surrogate pair, which no file can store.
    """
    if isinstance(names, str):
        raise DataError(f"{name}: {what} is the text {names!r}; give a tuple of names")
    found = []
    for one in names:
        if isinstance(one, Tensor) and one.numel() == 1:
            one = one.item()
        if not isinstance(one, str | Integral | np.bool):
            raise DataError(
                f"{name}: {what} has {one!r}, which is {type(one).__name__}; a name has to be text"
            )
        text = str(one)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise DataError(f"{name}: {what} has {text!r}, which cannot be written as UTF-8")
        found.append(text)
    return tuple(found)


def check_names(name: str, **lists: tuple[str, ...]) -> None:
    """Check that no list of names has a name twice.

    Raises:
        DataError: one has.
    """
    for what, names in lists.items():
        if len(set(names)) < len(names):
            raise DataError(f"{name}: {what} has a name twice: {', '.join(names)}")


def _images(rows: Examples, pixels: PixelStatistics, columns: tuple[str, ...]) -> Iterator[str]:
    shape, channels = tuple(rows.features.shape), len(pixels.mean)
    if rows.features.dtype != torch.uint8:
        yield f"features are {rows.features.dtype}; with `pixels` they have to be torch.uint8"
    if len(shape) != 4 or shape[1] != channels or channels not in MODES:
        yield (
            f"features have shape {shape}; with {channels} channels in `pixels` they have to have "
            f"(N, {channels}, H, W), and {' or '.join(map(str, MODES))} channels can be read. Rows "
            "of any other shape go to the model as they are: raw=True, as torch.float32, without "
            "`pixels`"
        )
    if columns:
        yield "`columns` is for tables, and `pixels` for images"


def _raw(rows: Examples, columns: tuple[str, ...], pixels: PixelStatistics | None) -> Iterator[str]:
    kind, shape = rows.features.dtype, tuple(rows.features.shape)
    if kind not in RAW:
        yield f"features are {kind}; with raw=True they have to be {' or '.join(map(str, RAW))}"
    elif len(shape) < 2:
        yield f"features have shape {shape}; a row needs a dimension of its own: (N, ...)"
    elif kind.is_floating_point and (place := _not_finite(rows.features)):
        yield f"a feature is not finite: {_value_at(rows.features, place)}"
    if columns or pixels:
        yield "`columns` is for tables and `pixels` for images; leave them out with raw=True"


def _not_finite(rows: Tensor, *, gaps: bool = False) -> tuple[int, ...] | None:
    """Return the index of the first value that is not finite; None if all are.

    It reads mapped data part by part.

    Args:
        gaps: whether nan is allowed.
    """
    count = rows_at_a_time(tuple(rows.shape[1:]))
    for number, part in enumerate(rows.split(count)):
        wrong = ~(part.isfinite() | part.isnan()) if gaps else ~part.isfinite()
        if wrong.any():
            row, *rest = wrong.nonzero()[0].tolist()
            return number * count + row, *rest
    return None


def _value_at(rows: Tensor, place: tuple[int, ...], columns: tuple[str, ...] = ()) -> str:
    """Return a message on the value at an index; rows and columns are counted from 0."""
    row, *rest = place
    named = len(rest) == 1 and rest[0] < len(columns)
    where = f"column {columns[rest[0]]}" if named else f"place {', '.join(map(str, rest))}"
    return f"row {row} (the first is 0) has {rows[place].item()} at {where}"


def _table(rows: Examples, columns: tuple[str, ...], *, gaps: bool) -> Iterator[str]:
    shape = tuple(rows.features.shape)
    if rows.features.dtype not in TABLES:
        yield (
            f"features are {rows.features.dtype}; without `pixels` they have to be torch.float32, "
            "or torch.float64"
        )
    elif place := _not_finite(rows.features, gaps=gaps):
        yield f"a feature is not finite: {_value_at(rows.features, place, columns)}"
    if len(shape) != 2:
        yield (
            f"features have shape {shape}, and rows of a table are (N, columns); hand rows of any "
            "other shape to the model as they are, with raw=True"
        )
    elif shape[1:] != (len(columns),):
        yield (
            f"features have shape {shape}, and `columns` has {len(columns)} names; give a name to "
            "each feature"
        )


def _classes(rows: Examples, classes: tuple[str, ...]) -> Iterator[str]:
    shape, labels = tuple(rows.targets.shape), (len(rows), len(classes))
    if rows.targets.dtype != torch.int64 or (len(shape) != 1 and shape != labels):
        yield (
            f"targets are {rows.targets.dtype} of shape {shape}; with class names they have to be "
            f"torch.int64 of shape (N,), or of (N, {len(classes)}) where a row has any number of "
            "labels"
        )
        return
    if len(shape) == 2:
        if set(rows.targets.unique().tolist()) - {0, 1}:
            yield "targets of several labels hold other numbers than 0 and 1"
        if len(classes) < 2:
            yield "there is one label; make it a classification of two classes, yes and no"
        return
    unknown = set(rows.targets.unique().tolist()) - set(range(len(classes)))
    if unknown:
        yield (
            f"targets hold {sorted(unknown)}; with {len(classes)} class names they have to be "
            f"0 to {len(classes) - 1}"
        )


def _numbers(rows: Examples) -> Iterator[str]:
    shape = tuple(rows.targets.shape)
    if rows.targets.dtype not in TABLES or shape[1:] != (1,):
        yield (
            f"targets are {rows.targets.dtype} of shape {shape}; without class names they have to "
            "be torch.float32, or torch.float64, of shape (N, 1)"
        )
        if len(shape) == 2 and shape[1] > 1:
            yield "one study predicts one number of a row, so make a study of each"
    elif place := _not_finite(rows.targets):
        yield f"a target is not finite: {_value_at(rows.targets, place)}"
