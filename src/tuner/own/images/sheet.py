"""Finds the pictures that a CSV file names, with their targets."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from tuner.errors import DataError, UsageError
from tuner.language import said
from tuner.own.images.cells import MULTILABEL, SEVERAL, labels_in_cell, labels_in_columns
from tuner.own.images.listing import Listing, Picture, called, named
from tuner.own.images.targets import with_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tuner.own.images.given import Given

SEPARATORS = {
    ",": said("a CSV file, its cells separated by commas"),
    ";": said("a CSV file, its cells separated by semicolons"),
    "\t": said("a CSV file, its cells separated by tabs"),
}
WIDE = ("\xff\xfe", "\xfe\xff")  # the beginning of a UTF-16 file, read as Latin-1


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSheet:
    """A CSV file whose header has been read.

    Attributes:
        header: names of its columns.
        rows: the further rows with their line numbers, read one by one.
        separator: of its cells.
        image: index of the column of files; `group` likewise, of a column that keeps rows together.
        target_of: reads the target of a line; None if there is none.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    separator: str
    image: int
    group: int | None
    target_of: Callable[[int, list[str]], str | None]


def open_sheet(given: Given) -> OpenSheet:
    """Read the header of a CSV file, and find the columns that the options name.

    Cells are separated by commas, semicolons or tabs; the separator that yields the named columns
    is used.

    Raises:
        UsageError: a column is missing, or not named.
        DataError: the file cannot be read.
    """
    if not given.image or not given.target:
        missing = "--image" if not given.image else "--target"
        raise UsageError(
            f"{missing} is missing; with a CSV file, name the column of the files with --image and "
            "the column to predict with --target"
        )
    columns = given.target.split(",") if given.task == MULTILABEL else [given.target]
    wanted = (given.image, given.group, given.target, *columns)
    header, rows, separator = _read(given.data, wanted)
    return OpenSheet(
        header=header,
        rows=rows,
        separator=separator,
        image=_place(header, "image", given.image, given.data),
        target_of=_target_of(given, header),
        group=_place(header, "group", given.group, given.data) if given.group else None,
    )


def list_sheet(given: Given) -> Listing:
    """Find the pictures that a CSV file names, with their targets and groups.

    Paths are relative to the folder of the CSV, with slashes or, as on Windows, backslashes.
    Numeric targets are written with a decimal point, whatever the file uses.

    Raises:
        UsageError: a column is missing, or not named.
        DataError: the file cannot be read, or has two targets for one picture.
    """
    sheet = open_sheet(given)
    rows = _checked(given.data, sheet)
    targets = [sheet.target_of(line, row) for line, row in rows]
    if given.task != MULTILABEL:
        cells = [row for _, row in rows]
        targets = with_numbers(given, sheet.image, sheet.separator, cells, targets)
    found = Listing(SEPARATORS[sheet.separator], [])
    seen: dict[str, Picture] = {}
    for (line, row), target in zip(rows, targets, strict=True):
        file = row[sheet.image].strip()
        if not file or target is None:
            found.left_out[said("rows without a file or a target")] += 1
            continue
        path = _path_of(given.data.parent, file)
        picture = Picture(
            path,
            called(path, given.data.parent),
            target,
            group=_group_of(sheet, line, row),
        )
        first = seen.setdefault(file, picture)
        if first is not picture:
            _check_same(given.data, line, first, picture)
            found.left_out[said("rows that repeat an earlier one")] += 1
            continue
        found.pictures.append(picture)
    if not found.pictures:
        raise DataError(f"{given.data} names no picture; it needs a row for each")
    if given.task is None or given.task == "classification":
        _refuse_several(given, found.pictures)
    return found


def _path_of(folder: Path, file: str) -> Path:
    """Return the path of a picture, from its name in the file."""
    names = [file]
    if "\\" in file:
        names.append(file.replace("\\", "/"))
    if not file.isascii():  # an accented letter may be one character or two, as on a Mac
        names += [unicodedata.normalize(form, name) for name in names for form in ("NFC", "NFD")]
    if len(names) > 1:
        names = [name for name in names if os.path.lexists(folder / name)] or names
    return folder / names[0]


def _target_of(given: Given, header: Sequence[str]) -> Callable[[int, list[str]], str | None]:
    """Return a function that reads the target of a line; None if there is none."""
    target = str(given.target)
    if given.task == MULTILABEL:
        if target in header:
            return partial(labels_in_cell, header.index(target))
        columns = [name.strip() for name in target.split(",")]
        places = {name: _place(header, "target", name, given.data) for name in columns}
        return partial(labels_in_columns, given.data, places)
    place = _place(header, "target", target, given.data)
    return lambda _, row: row[place].strip() or None


def _checked(path: Path, sheet: OpenSheet) -> list[tuple[int, list[str]]]:
    """Return the rows with their line numbers.

    Raises:
        DataError: one has more or fewer cells than the header.
    """
    rows = list(sheet.rows)
    for line, row in rows:
        if len(row) != len(sheet.header):
            raise DataError(
                f"{path}, line {line}: it has {len(row)} cells, and the header has "
                f"{len(sheet.header)}; fix the line (a text with a separator needs quotes)"
            )
    return rows


def _group_of(sheet: OpenSheet, line: int, row: Sequence[str]) -> str | None:
    """Return the group of a row; a row without a value is a group of its own."""
    from tuner.data.sources.cells import MARKS  # imports pyarrow

    if sheet.group is None:
        return None
    group = row[sheet.group].strip()
    return f"line {line}" if not group or group.lower() in MARKS else group


def _read(
    path: Path, wanted: Sequence[str | None]
) -> tuple[list[str], Iterator[tuple[int, list[str]]], str]:
    """Return header, rows with their line numbers, and the separator of the cells."""
    try:
        content = path.read_bytes()
        if content[:2].decode("latin-1") in WIDE:
            raise DataError(f"{path} is UTF-16; save it as UTF-8 (CSV UTF-8)")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line}: this is not UTF-8; save the file as UTF-8 (CSV UTF-8)"
        ) from error
    if not text.strip():
        raise DataError(f"{path} is empty; it needs a header and a row for each picture")
    lines = list(io.StringIO(text, newline=""))  # str.splitlines knows more ends than CSV
    names = {name for name in wanted if name}

    def fit(separator: str) -> tuple[int, int]:
        cells = next(_rows(path, lines[:1], separator))[1]
        found = len(names & {cell.strip() for cell in cells})
        return found, 0 if found else len(cells)  # a mistyped name is in no header

    separator = max(SEPARATORS, key=fit)  # the first of those that fit equally well
    rows = _rows(path, lines, separator)
    header = [name.strip() for name in next(rows)[1]]
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise DataError(f"{path}: the header has {named(twice)} twice; rename one")
    return header, (row for row in rows if row[1]), separator


def _rows(path: Path, lines: list[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}; fix the line") from error


def _place(header: Sequence[str], option: str, name: str, path: Path) -> int:
    if name in header:
        return header.index(name)
    near = get_close_matches(name, header, n=1, cutoff=0.5)
    if option == "target" and all(part.strip() in header for part in name.split(",")):
        raise UsageError(
            f"--target {name} names several columns. Where they are labels of yes and no, add "
            "--task multilabel; else name one column, and run a study for each"
        )
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise UsageError(
        f"--{option} {name}: {path} has no such column{hint} Its columns are {named(header, 12)}"
    )


def _check_same(path: Path, line: int, first: Picture, again: Picture) -> None:
    if first.target != again.target:
        raise DataError(
            f"{path}, line {line}: {first.name} has the target {again.target!r} here and "
            f"{first.target!r} before. A picture has one target; fix one of the two rows. (For "
            "several labels write them into one cell, cat|dog, and add --task multilabel)"
        )
    if first.group != again.group and not again.group == f"line {line}":
        raise DataError(
            f"{path}, line {line}: {first.name} is in group {again.group!r} here and in "
            f"{first.group!r} before; fix one of the two rows"
        )


def _refuse_several(given: Given, pictures: Sequence[Picture]) -> None:
    """Refuse cells with several labels: `cat|dog`.

    Raises:
        DataError: there are such cells.
    """
    targets = {one.target for one in pictures}
    parts = {text: SEVERAL.split(text) for text in targets}
    several = sorted(text for text, own in parts.items() if len(own) > 1)
    single = {own[0] for own in parts.values() if len(own) == 1}
    if any(part in single for text in several for part in parts[text]):
        raise DataError(
            f"{given.data}: --target {given.target} has several labels in a cell ({several[0]!r}). "
            "Add --task multilabel; or fix the cells, if each picture has one"
        )
