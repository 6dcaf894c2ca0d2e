"""Checks arguments of Python programs, as the commands check typed ones.

A notebook does not check types, and a wrong value would fail far from where it was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tuner.case.assignments import is_number, is_whole
from tuner.errors import UsageError
from tuner.study.arms import ARMS


def check_whole(what: str, value: object, least: int, most: int | None = None) -> None:
    """Check that an argument is an integer in a range, or None.

    Raises:
        UsageError: it is not.
    """
    if value is None or is_whole(value, least, most):
        return
    range_ = f"{least} or more" if most is None else f"{least} to {most}"
    raise UsageError(f"{what} is {value!r}; it takes a whole number, {range_}")


def check_number(what: str, value: object, takes: str = "a number above zero") -> None:
    """Check that an argument is a number above zero, or None.

    Args:
        takes: what it accepts, in words.

    Raises:
        UsageError: it is not.
    """
    if value is not None and not (is_number(value) and value > 0):
        raise UsageError(f"{what} is {value!r}; it takes {takes}")


def check_seconds(what: str, value: object) -> None:
    """Check that an argument is a time in seconds, or None.

    Raises:
        UsageError: it is not.
    """
    check_number(what, value, "a number of seconds above zero")


def check_by_name(what: str, value: object) -> None:
    """Check that an argument has values by name, or is None.

    Raises:
        UsageError: it is something else, such as NAME=VALUE in the notation of a command.
    """
    if value is not None and not isinstance(value, Mapping):
        raise UsageError(
            f"{what} is {value!r}; it takes values by name, such as {{'learning_rate': 0.01}}"
        )


def check_several(what: str, value: object, such_as: str) -> None:
    """Check that an argument is a list or a tuple.

    Args:
        such_as: an example of it.

    Raises:
        UsageError: it is a single item.
    """
    if not isinstance(value, list | tuple):
        raise UsageError(f"{what} is {value!r}; it takes a list, such as {such_as}")


def check_tries(tries: Sequence[object]) -> None:
    """Check that configurations to try next are a list of dictionaries of values by name.

    Raises:
        UsageError: they are something else.
    """
    check_several("tries", tries, "[{'learning_rate': 0.01}]")
    for one in tries:
        check_by_name("one of tries", one)


def check_case(case: object) -> None:
    """Check that a case is named: a function or rows cannot be handed to other processes.

    Raises:
        UsageError: it is one of these.
    """
    if callable(case):
        raise UsageError(
            f"{case!r} is a function, and its calls are made in other processes; write it into a "
            "file, and name both: run_study('train.py:train')"
        )
    if not isinstance(case, str | Path):
        raise UsageError(
            f"case is of type {type(case).__name__}; it takes a name, or the path of a file. Write "
            "rows into a file, and name it with the column to predict: "
            "run_study('table --data rows.csv --target price')"
        )


def check_arm(name: object) -> None:
    """Check that there is an arm of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in ARMS:
        raise UsageError(f"arm is {name!r}; it takes {', '.join(map(repr, ARMS))}")
