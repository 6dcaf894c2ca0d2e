"""What a door is given: fields of a frozen dataclass, each an option of the command line.

A field is a str, an int, a Path, or one of these or None; its help, and its choices where it has
any, stand beside it. The command line, the stored reference and the door read the same fields.
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
    """Return a field of what a door is given.

    Args:
        help_: as --help shows it.
        default: MISSING: the option has to be given.
        choices: the only values; empty: any.
        metavar: what stands for the value in --help; empty: the option's name.
        lasting: whether it is a file that models need in use, too, wherever they are used.
    """
    told = {"help": help_, "choices": tuple(choices), "metavar": metavar, "lasting": lasting}
    return field(default=default, metadata=told)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a door.

    Attributes:
        name: without its dashes.
        kind: str, int or Path.
        required: whether it has to be given.
        lasting: whether it is a file that models need in use.
    """

    name: str
    help: str
    kind: type
    required: bool
    choices: tuple[str, ...]
    metavar: str
    lasting: bool

    def read(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises:
            UsageError: it stands for none.
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
    """Return the options of a dataclass whose fields `option` made."""
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
    """Make what a door is given of texts by the names of its options.

    Raises:
        UsageError: an option is unknown or missing, or a text that its option does not take.
    """
    known = {one.name: one for one in options_for(given)}
    for name in words:
        if name not in known:
            raise unknown_name("option", "options", name, known)
    if missing := [name for name, one in known.items() if one.required and name not in words]:
        raise UsageError(f"--{missing[0]} is missing; {known[missing[0]].help}")
    return given(**{name.replace("-", "_"): known[name].read(words[name]) for name in words})


def write(given: Any) -> dict[str, str]:
    """Return the texts that make the same again; what is at its default is left out."""
    return {
        one.name.replace("_", "-"): _text(getattr(given, one.name))
        for one in fields(given)
        if getattr(given, one.name) != one.default
    }


def from_root(given: type, words: Mapping[str, str]) -> dict[str, str]:
    """Return the same texts, with the files that models need in use named from the root.

    So a model finds them in whatever folder it is used.
    """
    lasting = {one.name for one in options_for(given) if one.lasting}
    return {
        name: Path(text).absolute().as_posix() if name in lasting else text
        for name, text in words.items()
    }


def _text(value: object) -> str:
    return value.as_posix() if isinstance(value, Path) else str(value)
