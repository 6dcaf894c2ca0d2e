"""Reads a table from a CSV or Parquet file into columns of text, with pyarrow.

Nothing is guessed cell by cell here: encoding and separator are found once for the file, and a note
reports anything unusual about them. Kinds are decided afterwards, from all rows of a column
(`tuner.data.sources.kinds`).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tuner.data.sources.kinds import NUMBER
from tuner.data.sources.plain import (
    PARQUET,
    SEPARATORS,
    content_of,
    decoded,
    header_in,
    name_of,
    separator_of,
)
from tuner.errors import DataError
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

EMPTY_LINES = re.compile(r"(?:[ \t]*(?:\r\n?|\n))+")
LARGEST_BLOCK = 2**30  # bytes that pyarrow parses at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table of text.

    Attributes:
        names: of the columns.
        cells: a pyarrow array of text for each column; an empty text where there is no value.
        separator: of the cells of the file; a comma for Parquet.
        typed: columns of a Parquet file with numbers, dates or booleans instead of text, and their
            pyarrow types.
        notes: anything unusual about the file, a sentence each.
    """

    names: tuple[str, ...]
    cells: tuple[Any, ...]
    separator: str
    typed: Mapping[str, pa.DataType] = field(default_factory=dict)
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.cells[0])


def read_sheet(path: Path, needed: Sequence[str] = ()) -> Sheet:
    """Read a CSV file (UTF-8, UTF-16 with a byte order mark, or else Windows-1252) or Parquet.

    Empty lines are skipped, including those before the header, and not counted as rows.

    Args:
        needed: columns that a model needs in new rows; empty for a table to learn from, which has a
            target and at least one other column.

    Raises:
        DataError: it does not exist, is something else, or is not a table: it has no rows, rows of
            different lengths, or columns that cannot be told apart.
    """
    content = content_of(path)
    if content.startswith(PARQUET):
        names, cells, typed = _parquet(path, content)
        separator, notes = ",", list[str]()
    else:
        text, notes = decoded(path, content)
        if empty := EMPTY_LINES.match(text):
            text = text[empty.end() :]  # else an empty line would be the header
        names, cells, separator = _csv(path, text)
        typed = [None] * len(names)
        if separator != ",":
            notes.append(SEPARATORS[separator])
    names, renamed = _checked(path, names, needed)
    if len(cells[0]) == 0:
        why = "there is nothing to predict" if needed else "a study needs rows to learn from"
        raise DataError(f"{path} has a header and no rows; {why}")
    return Sheet(
        names=tuple(names),
        cells=tuple(cells),
        separator=separator,
        typed={name: kind for name, kind in zip(names, typed, strict=True) if kind is not None},
        notes=(*notes, *renamed),
    )


def _csv(path: Path, text: str) -> tuple[list[str], list[Any], str]:
    """Return the header, the cells of each column, and the separator."""
    separator = separator_of(text)
    header = header_in(path, text, separator)
    odd: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        odd.append((row.number or 0, row.actual_columns))
        return "skip"

    names = [str(place) for place in range(len(header))]
    data = text.encode()
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(data),
            read_options=pa.csv.ReadOptions(
                use_threads=False,
                column_names=names,
                block_size=min(len(data) + 1, LARGEST_BLOCK),
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path} cannot be read as a CSV file: {' '.join(str(error).split())}"
        ) from error
    if odd:
        number, count = odd[0]
        others = f" ({len(odd)} rows are like that)" if len(odd) > 1 else ""
        raise DataError(
            f"{path}: the header has {_cells(len(header))}, and row {number - 1} has {count}"
            f"{others}. Give each row as many cells; put text with a separator in it into quotes"
        )
    cells = [column.slice(1).combine_chunks() for column in table.columns]
    return header, cells, separator


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _parquet(path: Path, content: bytes) -> tuple[list[str], list[Any], list[pa.DataType | None]]:
    """Return names, cells of text as in a CSV file, and types other than text of a Parquet file."""
    try:
        table = pa.parquet.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as a Parquet file: {' '.join(str(error).split())}"
        ) from error
    if not table.num_columns:
        raise DataError(f"{path} has no columns; name a table with a target")
    cells, typed = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        whole = column.combine_chunks()
        if pa.types.is_dictionary(whole.type):
            whole = whole.dictionary_decode()
        try:
            text = whole.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(
                f"{path}: column {name!r} holds {whole.type}, which is not a number, a text or a "
                "date; leave it out of the file"
            ) from error
        cells.append(pc.fill_null(text, ""))
        typed.append(whole.type if _is_typed(whole.type) else None)
    return list(table.column_names), cells, typed


def _is_typed(kind: pa.DataType) -> bool:
    """Whether cells of this type are numbers, booleans, dates or times; all others are text."""
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(one(kind) for one in (*numbers, pa.types.is_boolean, pa.types.is_temporal))


def _checked(path: Path, header: list[str], needed: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names of the columns without surrounding spaces, and remarks on repairs."""
    names = [name_of(name) for name in header]
    unnamed = [place for place, name in enumerate(names) if not name]
    for place in unnamed:
        names[place] = f"column {place + 1}"
    if len(names) == 1 and not needed:
        raise DataError(
            f"{path} has one column, {names[0][:60]!r}; a table needs a target and something to "
            "learn from, with commas, semicolons, tabs or | between cells"
        )
    known = bool(needed) and set(needed) <= set(names)  # a model may need a column named 2019
    if not known and all(NUMBER.fullmatch(name.strip()) for name in header):
        raise DataError(
            f"{path}: the first line holds numbers ({', '.join(names[:3])}, ...) and no names; add "
            "a header that names each column"
        )
    counts = Counter(name.casefold() for name in names)
    twice = [name for name in names if counts[name.casefold()] > 1]
    if twice:
        alike = "" if len(set(twice)) == 1 else " (they differ in case or spaces alone)"
        named = ", ".join(map(repr, twice[:4]))
        raise DataError(
            f"{path} has more than one column of one name{alike}: {named}; rename or remove all "
            "but one"
        )
    told: list[str] = [
        said("The column without a name is called {name!r}.", name=names[place])
        for place in unnamed[:5]
    ]
    return names, told
