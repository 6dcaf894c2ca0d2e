"""New rows in the format of the file that a model was trained on, CSV or Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.data.sources.kinds import features_of, trimmed
from tuner.data.sources.sheets import read_sheet
from tuner.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from torch import Tensor

    from tuner.data.table import Table


class Sheets:
    """A file of new rows; it may have the target, and columns that the model does not use.

    Attributes:
        header: names of its columns.
    """

    def __init__(self, path: Path, table: Table, added: Sequence[str]) -> None:
        """Read it.

        Args:
            table: of the file that the model was trained on.
            added: names that the file must not have, as they are added to it.

        Raises:
            DataError: the file is not a table.
            UsageError: it lacks columns that the model needs, or has those that are added.
        """
        self.path, self._table = path, table
        self._sheet = read_sheet(path)
        self.header = list(self._sheet.names)
        used = [column.name for column in (*table.numbers, *table.categories)]
        if missing := [name for name in used if name not in self.header]:
            raise UsageError(
                f"{path} lacks the columns {', '.join(missing)}; its first line has to name "
                f"{', '.join(used)}, in any order"
            )
        for column in added:
            if column in self.header:
                raise UsageError(
                    f"{path} has a column {column!r} already, which tuner would add; rename or "
                    "remove it"
                )

    def parts(self, rows: int) -> Iterator[tuple[list[list[str]], Tensor]]:
        """Yield up to so many rows at a time: all their cells, and the model's features (N, F).

        Raises:
            DataError: a cell does not fit its column; file, row and column are named.
        """
        bare = dict(zip(self.header, map(trimmed, self._sheet.cells), strict=True))

        def cells_of(name: str) -> Any:
            return bare[name]

        try:
            features = torch.from_numpy(features_of(self._table, cells_of))
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from error
        columns = [column.to_pylist() for column in self._sheet.cells]
        cells = [list(row) for row in zip(*columns, strict=True)]
        for start in range(0, len(cells), rows):
            yield cells[start : start + rows], features[start : start + rows]
