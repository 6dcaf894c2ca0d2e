"""A case made of a table: `tuner study table --data houses.csv --target price`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # the command line reads the fields' types
from typing import TYPE_CHECKING

from tuner.data.sources.plain import header_of
from tuner.errors import unknown_name
from tuner.own.options import option, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.contract import Case
    from tuner.data.sources.folders import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the door is given.

    Attributes:
        data: a CSV or Parquet file.
        target: name of the column to predict.
        task: None: decided by the target.
        group: a column whose values keep their rows together.
        time: a column by which rows follow each other.
    """

    data: Path = option("the table: a CSV or Parquet file", metavar="FILE")
    target: str = option("name of the column to predict", metavar="COLUMN")
    task: str | None = option(
        "what the target is (default: decided by its values, and said)",
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


def check(options: Mapping[str, str], folders: Folders) -> None:
    """Refuse a file that is not there, and a column that it does not have; torch is not imported.

    Raises:
        DataError: the file cannot be read, or is not a table.
        UsageError: the options do not fit each other, or there is no such column.
    """
    given = read(Given, options)
    header = header_of(path_of(given, folders))
    for name in filter(None, (given.target, given.group, given.time)):
        if header is not None and name not in header:
            raise unknown_name("column", "columns", name, header)


def path_of(given: Given, folders: Folders) -> Path:
    """Return where the table is: where it was named, else in the folder of --data-dir."""
    if folders.given is not None and not given.data.exists():
        return folders.given / given.data.name
    return given.data


def case_of(options: Mapping[str, str]) -> Case:
    """Return the case that these options make; its data is read when it is asked for.

    Its task is settled by its data, as baseline, recipe and search space are.

    Raises:
        UsageError: the options do not fit each other.
    """
    from tuner.own.table_space import make_case  # imports torch

    return make_case(read(Given, options))
