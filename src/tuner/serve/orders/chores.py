"""Requests for jobs that train nothing: delete a study, or remove unneeded files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.errors import UsageError
from tuner.language import said
from tuner.runs.folder.cleaning import find_waste, older_than
from tuner.runs.folder.deletion import plan_deletion
from tuner.serve.orders.requests import Request, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.runs.folder.cleaning import Waste
    from tuner.workplace import Workplace

MOST_DAYS = 36_500
MOST_NAMED = 500  # items at once: their names go through a pipe


def days(value: object) -> int:
    """Return an age in days.

    Raises:
        UsageError: it is not an integer, or out of range.
    """
    return whole("days", value, 0, MOST_DAYS)


def waste(workplace: Workplace, age: int) -> list[Waste]:
    """Return the unneeded items that have not changed for `age` days, the largest first."""
    found = older_than(find_waste(workplace), age) if age else find_waste(workplace)
    return sorted(found, key=lambda one: -one.bytes)


def delete_request(workplace: Workplace, name: str, case: str) -> Request:
    """Return the request to delete a study; its options contain the bytes that this frees.

    Raises:
        UsageError: the study does not exist.
    """
    planned = plan_deletion(workplace, name)
    told = {"bytes": planned.bytes, "trials": planned.trials, "trainings": planned.trainings}
    return Request("delete", name, case, told)


def clean_request(workplace: Workplace, age: int, names: Sequence[str] | None) -> Request:
    """Return the request to remove unneeded items; its options contain the bytes that this frees.

    Args:
        age: minimum number of days without a change.
        names: of the items to remove; None for all that were found.

    Raises:
        UsageError: none of the items exists, or there are too many.
    """
    found = waste(workplace, age)
    if names is not None:
        found = [one for one in found if one.what in set(names)]
    if not found:
        raise UsageError(said("there is nothing to remove; look again at what can be removed"))
    if names is not None and len(found) > MOST_NAMED:
        raise UsageError(
            said(
                "{count} are too many at once; choose at most {most_named}",
                count=len(found),
                most_named=MOST_NAMED,
            )
        )
    told = {"age": age, "bytes": sum(one.bytes for one in found)}
    what = None if names is None else [one.what for one in found]
    return Request("clean", "", "", {**told, "what": what})
