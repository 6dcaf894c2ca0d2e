"""Reads CSV files of numbers with a strict grammar, and refuses doubtful cells by position.

A table is UTF-8 text (a byte order mark is removed), with commas between cells and a header. A
number is ASCII digits with at most one decimal point, an optional sign and an optional exponent;
surrounding spaces are ignored. So `1_000`, `1,5`, `0x10`, `nan` and digits of other scripts are
refused, though Python would read some of them.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from tuner.errors import UsageError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WITH_COMMA = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*,[0-9]+(?:[.,][0-9]+)*")
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
LARGEST = torch.finfo(torch.float32).max


class Table:
    """A CSV file, of which one part is in memory at a time.

    Attributes:
        header: names of its columns.
    """

    def __init__(self, path: Path, columns: Sequence[str], added: Sequence[str]) -> None:
        """Read the header.

        Args:
            columns: that the model needs, in its order.
            added: names of the added columns, which the file must not have.

        Raises:
            UsageError: the file cannot be read, or its header does not fit.
        """
        self.path, self._columns = path, columns
        with self._opened() as reader:
            self.header: list[str] = next(filter(None, reader), [])
        self._check_header(added)
        places = {column: place for place, column in enumerate(self.header)}
        self._places = [places[column] for column in columns]

    def parts(self, rows: int) -> Iterator[tuple[list[list[str]], Tensor]]:
        """Yield up to `rows` rows at a time: all their cells, and the model's features (N, F).

        Raises:
            UsageError: a row has another length, or a cell is not a number; the message names its
                line.
        """
        cells: list[list[str]] = []
        numbers: list[list[float]] = []
        count = 0
        with self._opened() as reader:
            lines = filter(None, reader)  # empty lines are skipped, even before the header
            next(lines, [])
            for row in lines:
                cells.append(row)
                numbers.append(self._numbers(reader.line_num, row))
                count += 1
                if len(cells) == rows:
                    yield cells, torch.tensor(numbers, dtype=torch.float64)
                    cells, numbers = [], []
        if not count:
            raise UsageError(f"{self.path} has a header and no rows; there is nothing to predict")
        if cells:
            yield cells, torch.tensor(numbers, dtype=torch.float64)

    @contextmanager
    def _opened(self) -> Iterator[Reader]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                yield csv.reader(file, strict=True)
        except UnicodeDecodeError as error:
            wide = error.object[:2] in {b"\xff\xfe", b"\xfe\xff"}
            raise UsageError(
                f"{self.path} cannot be read as a CSV file: it is "
                f"{'UTF-16' if wide else 'not UTF-8'} text; save it as UTF-8"
            ) from error
        except (OSError, csv.Error) as error:
            raise UsageError(f"{self.path} cannot be read as a CSV file: {error}") from error

    def _check_header(self, added: Sequence[str]) -> None:
        path, header = self.path, self.header
        counts = Counter(header)
        missing = [column for column in self._columns if column not in counts]
        if missing:
            if len(header) == 1:
                for separator, plural in OTHER_SEPARATORS.items():
                    if separator in header[0]:
                        raise UsageError(
                            f"{path} has {plural} between its cells; save it with commas between "
                            "cells, and with decimal points in numbers"
                        )
            raise UsageError(
                f"{path} lacks the columns {', '.join(missing)}; its first line has to name "
                f"{', '.join(self._columns)}, in any order"
            )
        twice = [column for column, count in counts.items() if count > 1]
        if twice:
            raise UsageError(
                f"{path} has more than one column named {', '.join(map(repr, twice))}; rename or "
                "remove all but one"
            )
        for column in added:
            if column in header:
                raise UsageError(
                    f"{path} has a column {column!r} already, which tuner would add; rename or "
                    "remove it"
                )

    def _numbers(self, line: int, row: list[str]) -> list[float]:
        if len(row) != len(self.header):
            raise UsageError(
                f"{self.path}, line {line}: the header has {len(self.header)} cells, and this line "
                f"{len(row)}{_split_by_comma(row, self.header)}"
            )
        return [self._number(line, place, row[place]) for place in self._places]

    def _number(self, line: int, place: int, text: str) -> float:
        stripped = text.strip(" \t")
        if NUMBER.fullmatch(stripped):
            value = float(stripped)
            if abs(value) <= LARGEST:
                return value
            wrong = f"{text!r} is too large; the largest number a model takes is {LARGEST:.2g}"
        elif not stripped:
            wrong = "the cell is empty; the model needs a number there"
        elif WITH_COMMA.fullmatch(stripped):
            wrong = f"{text!r} has a comma; write it with a decimal point and no thousands mark"
        else:
            wrong = f"{text!r} is not a number; write it like 12, -0.5 or 1.2e-3"
        raise UsageError(f"{self.path}, line {line}, column {self.header[place]}: {wrong}")


def _split_by_comma(row: list[str], header: list[str]) -> str:
    """Return a remark if decimal commas have cut numbers in two; else an empty text."""
    digits = sum(cell.strip().lstrip("+-").isdigit() for cell in row)
    if len(header) < len(row) <= 2 * len(header) and digits == len(row):
        return "; are there decimal commas? Write numbers with a decimal point"
    return ""
