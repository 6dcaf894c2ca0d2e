"""The functions of the door for tables that are called by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.data.sources.plain import header_of
from tuner.errors import unknown_name
from tuner.own.options import read
from tuner.own.table.given import Given, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.contract import Case
    from tuner.data.sources.folders import Folders


def check(options: Mapping[str, str], folders: Folders) -> None:
    """Refuse a missing file and missing columns, without importing torch.

    Raises:
        DataError: the file cannot be read, or is not a table.
        UsageError: the options contradict each other, or there is no such column.
    """
    given = read(Given, options).with_names()
    header = header_of(path_of(given, folders))
    for name in filter(None, (given.target, given.group, given.time)):
        if header is not None and name not in header:
            raise unknown_name("column", "columns", name, header)


def case_of(options: Mapping[str, str]) -> Case:
    """Return the case that these options make; its data is read later, on demand.

    Its task, baseline, recipe and search space are settled by its data.

    Raises:
        UsageError: the options contradict each other.
    """
    from tuner.own.table.space import make_case  # imports torch

    return make_case(read(Given, options).with_names())
