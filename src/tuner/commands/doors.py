"""The options of doors on the command line."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from tuner.case.reference import DOORS, to_door
from tuner.own.options import options_for, write


def add_door(parser: argparse.ArgumentParser, door: str) -> None:
    """Add the options of a door, from its dataclass."""
    group = parser.add_argument_group(f"what {door} is given")
    for one in options_for(_given(door)):
        group.add_argument(
            f"--{one.name}",
            type=_whole if one.kind is int else one.kind,
            required=one.required,
            choices=one.choices or None,
            metavar=one.metavar or None,
            help=one.help,
        )


def _whole(text: str) -> int:
    """Return an integer; the door checks its range."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}; it takes a whole number") from None


def reference_of(arguments: argparse.Namespace, door: str) -> str:
    """Return the typed case: the door with its options."""
    given = _given(door)
    names = [one.name.replace("-", "_") for one in options_for(given)]
    typed = {name: getattr(arguments, name) for name in names}
    told = given(**{name: value for name, value in typed.items() if value is not None})
    return to_door(door, write(told))


def options_of_door(door: str) -> list[Any]:
    """Return the options of a door."""
    return list(options_for(_given(door)))


def options_of_other_doors(command: str, door: str | None) -> dict[str, str]:
    """Return the options of all doors but this one, each with the commands that take it."""
    found: dict[str, str] = {}
    for other in DOORS:
        for one in options_of_door(other) if other != door else ():
            name = f"--{one.name}"
            before = f"{found[name]} and " if name in found else ""
            found[name] = f"{before}{command} {other}"
    return found


def _given(door: str) -> Any:
    return importlib.import_module(f"tuner.own.{door}.given").Given
