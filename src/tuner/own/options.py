"""The options of a door: fields of a frozen dataclass, each an option of the command line.

A field is a str, an int, a Path, or one of these or None; its help and its choices, if any, are
defined with it. The command line, the stored reference and the door all read these fields.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from tuner.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")


def option(
    help_: str,
    *,
    default: Any = MISSING,
    choices: Sequence[str] = (),
    metavar: str = "",
    lasting: bool = False,
) -> Any:
    """Return a dataclass field for an option of a door.

    Args:
        help_: as --help shows it.
        default: MISSING if the option is required.
        choices: the only values; empty for any.
        metavar: placeholder of the value in --help; empty for the option's name.
        lasting: whether it is a file that models also need for predictions, wherever they are made.
    """
    told = {"help": help_, "choices": tuple(choices), "metavar": metavar, "lasting": lasting}
    return field(default=default, metadata=told)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a door.

    Attributes:
        name: without its dashes.
        kind: str, int or Path.
        required: whether it must be given.
        lasting: whether it is a file that models also need for predictions.
    """

    name: str
    help: str
    kind: type
    required: bool
    choices: tuple[str, ...]
    metavar: str
    lasting: bool

    def read(self, text: str) -> Any:
        """Return the value of a text.

        Raises:
            UsageError: the text is not a valid value.
        """
        if self.choices and text not in self.choices:
            raise UsageError(
                f"--{self.name} {text} is not one of its choices: {', '.join(self.choices)}"
            )
        try:
            return self.kind(text)
        except ValueError as error:
            raise UsageError(f"--{self.name} {text} is not a whole number") from error


def options_for(given: type) -> list[Option]:
    """Return the options of a dataclass with fields made by `option`."""
    hints = get_type_hints(given)
    return [
        Option(
            one.name.replace("_", "-"),
            one.metadata["help"],
            next((kind for kind in get_args(hints[one.name]) if kind is not type(None)), None)
            or hints[one.name],
            one.default is MISSING,
            one.metadata["choices"],
            one.metadata["metavar"],
            one.metadata["lasting"],
        )
        for one in fields(given)
    ]


def read(given: type[T], words: Mapping[str, str]) -> T:
    """Make the dataclass of a door from texts by the names of its options.

    Raises:
        UsageError: an option is unknown or missing, or its text is invalid.
    """
    known = {one.name: one for one in options_for(given)}
    for name in words:
        if name not in known:
            raise unknown_name("option", "options", name, known)
    if missing := [name for name, one in known.items() if one.required and name not in words]:
        raise UsageError(f"--{missing[0]} is missing; {known[missing[0]].help}")
    return given(**{name.replace("-", "_"): known[name].read(words[name]) for name in words})


def write(given: Any) -> dict[str, str]:
    """Return the texts from which `read` makes the same again, without those at their default."""
    return {
        one.name.replace("_", "-"): _text(getattr(given, one.name))
        for one in fields(given)
        if getattr(given, one.name) != one.default
    }


def from_root(given: type, words: Mapping[str, str]) -> dict[str, str]:
    """Return the same texts, with absolute paths of the files that models need for predictions.

    So a model finds them from any folder.
    """
    lasting = {one.name for one in options_for(given) if one.lasting}
    return {
        name: Path(text).absolute().as_posix() if name in lasting else text
        for name, text in words.items()
    }


def _text(value: object) -> str:
    return value.as_posix() if isinstance(value, Path) else str(value)
