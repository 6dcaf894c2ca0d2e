"""Reads several labels per picture: from one cell of a CSV, or from columns of yes and no."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MULTILABEL = "multilabel"  # a value of --task
SEVERAL = re.compile(r"\s*[|;]\s*")  # separates the labels of one cell
BETWEEN = "|"  # separates the labels in the stored target of a picture
YES = {"1", "1.0", "true", "yes", "y", "x"}
NO = {"0", "0.0", "false", "no", "n", ""}


def labels_in_cell(place: int, _line: int, row: Sequence[str]) -> str:
    """Return the target of a row: the labels in one of its cells, without repetitions, in order."""
    return BETWEEN.join(sorted(set(filter(None, SEVERAL.split(row[place].strip())))))


def labels_in_columns(data: Path, places: Mapping[str, int], line: int, row: Sequence[str]) -> str:
    """Return the target of a row: the names of the columns that say yes.

    Raises:
        DataError: a cell says neither yes nor no.
    """
    said = []
    for name, place in places.items():
        cell = row[place].strip().lower()
        if cell not in YES | NO:
            raise DataError(
                f"{data}, line {line}: label {name!r} is {row[place]!r}; write 1 or 0, or yes or no"
            )
        if cell in YES:
            said.append(name)
    return BETWEEN.join(sorted(said))
