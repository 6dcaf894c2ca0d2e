"""References to cases: a shipped one by name, a file by its path, a door with its options.

A user's own training loop is a function in a file: `train.py:objective`.

A door makes a case from a user's data: `table --data houses.csv --target price`. As text, a
reference is what a person types after `tuner study`, and it is stored like that.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.naming import option_words

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOP = re.compile(r"(?P<path>.+\.py):(?P<function>\w+)", re.DOTALL)
DOORS: tuple[str, ...] = ("images", "table")  # each is a folder of `tuner.own`


def is_file(reference: str) -> bool:
    """Whether a reference is a user's file."""
    return reference.endswith(".py") and door_of(reference) is None


def is_loop(reference: str) -> bool:
    """Whether a reference is a user's own training loop, and not a case."""
    return LOOP.fullmatch(reference) is not None


def parts_of_loop(reference: str) -> tuple[Path, str]:
    """Return the file and the function of a loop.

    Raises:
        ValueError: it is not a loop.
    """
    found = LOOP.fullmatch(reference)
    if found is None:
        raise ValueError(f"{reference!r} names no function of a file")
    return Path(found["path"]), found["function"]


def door_of(reference: str) -> str | None:
    """Return the door of a reference; None for a case with a name or a file."""
    first = reference.partition(" ")[0]
    return first if first in DOORS else None


def to_door(door: str, options: Mapping[str, str]) -> str:
    """Return the reference to a door with these options, given by name."""
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return shlex.join([door, *words])


def options_of(reference: str) -> dict[str, str]:
    """Return the options in a reference to a door, by name.

    Each is written as `--name value`, as by `to_door`, or as `--name=value`.

    Raises:
        ValueError: the text is not of this form.
    """
    words, options = shlex.split(reference)[1:], dict[str, str]()
    while words:
        name, joined, value = words.pop(0).removeprefix("--").partition("=")
        if not joined and not words:
            raise ValueError(f"--{name} has no value")
        options[name] = value if joined else words.pop(0)
    return options


def as_words(reference: str) -> list[str]:
    """Return a reference as the words of a command line."""
    door = door_of(reference)
    if door is None:
        return [reference]
    given = options_of(reference).items()
    return [door, *(word for name, value in given for word in option_words(f"--{name}", value))]
