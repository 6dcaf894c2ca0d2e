"""Parses command lines like argparse, and suggests the nearest name for a mistyped option."""

from __future__ import annotations

import argparse
import re
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WITHOUT_VALUE = re.compile(r"argument (?P<options>\S+): expected one argument")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


class Parser(argparse.ArgumentParser):
    """A parser that suggests the option that a mistyped one was meant to be.

    Options must be written in full: a prefix, such as `--data` of `--data-dir`, is often an option
    of another command.
    """

    def __init__(
        self,
        *arguments: Any,
        elsewhere: Callable[[], Mapping[str, str]] = dict,
        **named: Any,
    ) -> None:
        """Make a parser.

        Args:
            elsewhere: returns options of other commands, each with the command to type for it.
        """
        super().__init__(*arguments, **{**named, "allow_abbrev": False})
        self._elsewhere = elsewhere

    def parse_known_args(  # type: ignore[override]  # not overloaded; asked for subcommands too
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse the words of a command line, or exit with an error message."""
        self._typed = tuple(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unread(unknown))
        return found, []

    def _unread(self, words: Sequence[str]) -> str:
        """Return what is wrong with these words; empty if `error` says it, for unknown options."""
        if not any(word.startswith("--") for word in words):
            return f"no argument {' '.join(words)}; leave it out"
        after = self._typed[self._typed.index("--") :] if "--" in self._typed else ()
        late = [word for word in words if word.startswith("--") and word in after]
        return f"after -- no word is an option; put {', '.join(late)} before it" if late else ""

    def error(self, message: str) -> NoReturn:
        """Exit with an error message and the options that do not exist."""
        said = (message, *self._dashed_values(message), *self._unknown_options())
        super().error(". ".join(filter(None, said)))

    def _dashed_values(self, message: str) -> list[str]:
        """Return how to write a value that begins with a dash, if one was typed."""
        wanting = WITHOUT_VALUE.fullmatch(message)
        if wanting is None:
            return []
        known = (*OPTION.findall(self.format_usage()), "-h", "--help", "--")
        return [
            f"A value that begins with a dash is written {option}={value}"
            for option, value in zip(self._typed, self._typed[1:], strict=False)
            if option in wanting["options"].split("/")
            and value.startswith("-")
            and value.partition("=")[0] not in known
        ]

    def _unknown_options(self) -> list[str]:
        """Return which typed options do not exist, and which ones were probably meant."""
        told, known = list[str](), OPTION.findall(self.format_usage())
        for word in self._typed:
            option = word.partition("=")[0]
            if word == "--":
                break
            if not word.startswith("--") or option in known:
                continue
            where = self._elsewhere().get(option)
            closeness = 0.75 if where else 0.6  # a far guess only if there is nothing else to say
            near = get_close_matches(option, [*known, "--help"], n=1, cutoff=closeness)
            there = f" here (it is an option of {where})" if where else ""
            hint = f"; did you mean {near[0]}?" if near else ""
            told.append(f"no option {option}{there}{hint}")
        return told
