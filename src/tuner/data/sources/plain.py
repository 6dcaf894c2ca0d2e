"""Reads a table's file as text: its type, encoding, separator and header; without pyarrow.

The header alone is read in a moment, so a mistyped name of a column is refused before the rest.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from itertools import islice
from typing import TYPE_CHECKING
from unicodedata import normalize

from tuner.errors import DataError
from tuner.language import said

if TYPE_CHECKING:
    from pathlib import Path

SEPARATORS = {  # descriptions for people
    ",": "",
    ";": said("Cells are separated by semicolons."),
    "\t": said("Cells are separated by tabs."),
    "|": said("Cells are separated by vertical bars."),
}
csv.field_size_limit(2**31 - 1)  # a cell may have more than Python's default of 131,072 letters
SAMPLE = 50  # rows from which the separator is chosen
ABOVE_HEADERS = ("#", "sep=")  # first lines that are not headers: a comment, Excel's separator
LETTERS = 1_000_000  # at the beginning of a file, among which the sample is looked for
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")  # a URL of the web or a store, after Path has read it
PARQUET = b"PAR1"  # the beginning of a Parquet file
OTHERS = {  # beginnings of files of other kinds
    b"PK\x03\x04": "a zip or Excel file (.xlsx)",
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7z file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"SQLite format 3": "a SQLite database",
}


def content_of(path: Path, most: int = -1) -> bytes:
    """Return the bytes of a file that may be a table; at most `most`, if that is not negative.

    Raises:
        DataError: it cannot be read, or is of another kind.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a CSV or Parquet file")
    try:
        with path.open("rb") as file:
            content = file.read(most)
    except OSError as error:
        if ADDRESS.match(path.as_posix()):
            raise DataError(f"{path} is an address; download the file, and name it") from error
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    for start, what in OTHERS.items():
        if content.startswith(start):
            raise DataError(f"{path} is {what}; save the table as CSV or Parquet and name that")
    return content


def header_of(path: Path) -> list[str] | None:
    """Return the names of a table's columns; None if the header is too long for a quick look.

    Raises:
        DataError: as from `content_of` and `decoded`; or the file is a pipe.
    """
    if path.is_fifo() or path.is_char_device():
        raise DataError(
            f"{path} is a pipe, which can be read once; a table to learn from is read again, so "
            "write it to a file and name that"
        )
    most = 4 * LETTERS  # a letter of UTF-8 has at most four bytes
    content = content_of(path, most)
    if content.startswith((PARQUET, BOM_UTF16_LE, BOM_UTF16_BE)):
        return None
    if len(content) == most:
        content = content[: content.rfind(b"\n") + 1]  # do not cut a letter in two
    text, _ = decoded(path, content)
    header = header_in(path, text, separator_of(text))
    return [name_of(name) or f"column {place}" for place, name in enumerate(header, start=1)]


def name_of(header: str) -> str:
    """Return the name of a column from its header cell, with an umlaut as one character."""
    return normalize("NFC", header.strip())


def decoded(path: Path, content: bytes) -> tuple[str, list[str]]:
    """Return the text of a file, and remarks on its decoding if it is not UTF-8."""
    if not content.strip():
        raise DataError(f"{path} is empty; name a CSV file with a header and rows")
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        try:
            return content.decode("utf-16"), [said("The file is in UTF-16.")]
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is damaged UTF-16 text; save it as UTF-8") from error
    if b"\0" in content[:100_000]:
        raise DataError(f"{path} is not text (it holds zero bytes); name a CSV or Parquet file")
    try:
        return content.removeprefix(BOM_UTF8).decode("utf-8"), []
    except UnicodeDecodeError as error:
        note = said(
            "The file is not in UTF-8 (byte {byte}), so it was read as Windows-1252 (Latin-1). If "
            "letters look wrong, save it as UTF-8.",
            byte=error.start + 1,
        )
        try:
            return content.decode("cp1252"), [note]
        except UnicodeDecodeError:
            return content.decode("latin-1"), [note]


def header_in(path: Path, text: str, separator: str) -> list[str]:
    """Return the cells of the first row that has any; any system's line ends are accepted.

    Raises:
        DataError: there is a comment, or Excel's line for the separator, above the header.
    """
    lines = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    rows = [*islice(filter(None, lines), SAMPLE)]
    first = rows[0] if rows else []
    others = [row for row in rows if not row[0].startswith(ABOVE_HEADERS)]
    if others and others[0] is not first and len(others[0]) != len(first):
        raise DataError(
            f"{path} begins with {separator.join(first)[:40]!r}, and the header has to be the "
            "first line; remove the lines above it"
        )
    return first


def separator_of(text: str) -> str:
    """Return the separator with which the first rows have the most cells, and equally many."""
    best, most = ",", (False, 1)
    for separator in SEPARATORS:
        lines = text[:LETTERS].splitlines(keepends=True)
        reader = csv.reader(lines, delimiter=separator)
        rows = [row for row, _ in zip(filter(None, reader), range(SAMPLE), strict=False)]
        if not rows:
            continue
        whole = rows[:-1] if len(rows) > 2 and len(rows) < SAMPLE else rows
        cells = len(rows[0])
        found = len({len(row) for row in whole}) == 1 and cells > 1, cells
        if found > most:
            best, most = separator, found
    return best
