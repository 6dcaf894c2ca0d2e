"""The functions of the door for pictures that are called by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.own.images.given import Given
from tuner.own.images.listing import check_place, refuse_for_folder
from tuner.own.images.sheet import open_sheet
from tuner.own.options import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuner.case.contract import Case
    from tuner.data.sources.folders import Folders


def check(options: Mapping[str, str], folders: Folders) -> None:
    """Refuse data without pictures, and missing columns, without importing torch.

    Raises:
        DataError: there is no such folder or CSV file, or the file cannot be read.
        UsageError: an option does not suit the data, or there is no such column.
    """
    del folders  # the door reads no other folders
    given = read(Given, options)
    check_place(given.data)
    if given.data.is_file():
        open_sheet(given)
    else:
        refuse_for_folder(given)


def case_of(options: Mapping[str, str]) -> Case:
    """Return the case that these options make; its data is read later, on demand.

    Raises:
        UsageError: the options contradict each other or do not suit the data.
    """
    from tuner.own.images.case import make_case  # imports torch

    return make_case(read(Given, options))
