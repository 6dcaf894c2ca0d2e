"""The options of the door for tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003  # the command line reads the fields' types
from typing import TYPE_CHECKING, Self

from tuner.data.sources.plain import name_of
from tuner.own.options import option

if TYPE_CHECKING:
    from tuner.data.sources.folders import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options of the door for tables.

    Attributes:
        data: a CSV or Parquet file.
        target: name of the column to predict.
        task: None to decide it by the target.
        group: a column; rows with the same value stay together.
        time: a column that gives the order of rows in time.
    """

    data: Path = option("the table: a CSV or Parquet file", metavar="FILE")
    target: str = option("name of the column to predict", metavar="COLUMN")
    task: str | None = option(
        "what the target is (default: decided by its values; the output says which)",
        default=None,
        choices=("classification", "regression"),
    )
    group: str | None = option(
        "rows with the same value here stay on one side of every split: patients, customers",
        default=None,
        metavar="COLUMN",
    )
    time: str | None = option(
        "rows are split by the order of this column: models are tested on the latest rows",
        default=None,
        metavar="COLUMN",
    )

    def with_names(self) -> Self:
        """Return the options with columns named as in a table, however their umlauts were typed."""
        return replace(
            self,
            target=name_of(self.target),
            group=None if self.group is None else name_of(self.group),
            time=None if self.time is None else name_of(self.time),
        )


def path_of(given: Given, folders: Folders) -> Path:
    """Return the path of the table: as given, else in the folder of --data-dir."""
    if folders.given is not None and not given.data.exists():
        return folders.given / given.data.name
    return given.data
