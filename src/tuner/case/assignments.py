"""Reads NAME=VALUE as a person types it into values of a search space. Imports no Optuna."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from tuner.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOLERANCE = 1e-8  # of a step between floats, as in Optuna


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number, and not True or False, which Python counts as numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: object, least: int, most: int | None = None) -> TypeGuard[int]:
    """Whether a value is an integer in a range, and not True or False."""
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return least <= value and (most is None or value <= most)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The values that a hyperparameter can have: some choices, or the numbers in a range.

    Attributes:
        choices: None for a number.
        whole: whether it is an integer.
        step: None for any number in the range.
    """

    choices: tuple[Any, ...] | None = None
    low: float = 0
    high: float = 0
    step: float | None = None
    whole: bool = False

    def contains(self, value: float) -> bool:
        """Whether a number is in the range and on one of its steps."""
        steps = (value - self.low) / self.step if self.step else 0.0
        return self.low <= value <= self.high and abs(steps - round(steps)) < TOLERANCE


def parse_assignments(
    drawn: Mapping[str, Drawn | None], assignments: Sequence[str], option: str = "--fix"
) -> dict[str, Any]:
    """Read NAME=VALUE pairs as values of a search space.

    Args:
        drawn: what each hyperparameter can be; None if unknown, so that any literal is accepted.
        option: the option that they were typed for, for messages.

    Raises:
        UsageError: there is no such hyperparameter, or it cannot have such a value.
    """
    values: dict[str, Any] = {}
    for assignment in _one_by_one(assignments):
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"{option} {assignment} has no value; write {option} NAME=VALUE")
        if name in values:
            raise UsageError(f"{option} names {name} twice; give it one value")
        if name not in drawn:
            raise unknown_name("hyperparameter", "hyperparameters", name, drawn)
        kind = drawn[name]
        values[name] = literal(text) if kind is None else taken(f"{option} {name}={text}", kind)
    return values


def parse_pairs(assignments: Sequence[str], option: str) -> dict[str, Any] | None:
    """Read NAME=VALUE pairs of a loop; the names that it asks for are known only when it runs.

    Raises:
        UsageError: a pair has no value, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for assignment in _one_by_one(assignments):
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {assignment} has no value; write {option} NAME=VALUE")
        if name in values:
            raise UsageError(f"{option} names {name} twice; give it one value")
        values[name] = written_out(literal(text))
    return values or None


def _one_by_one(assignments: Sequence[str]) -> list[str]:
    """Divide NAME=VALUE,NAME=VALUE; an item with another kind of comma in it stays whole."""
    found = list[str]()
    for typed in assignments:
        pairs = split_pairs(typed)
        found += pairs if all("=" in pair for pair in pairs) else [typed]
    return found


def split_pairs(typed: str) -> list[str]:
    """Return the pairs of NAME=VALUE,NAME=VALUE; a comma in brackets or quotes is part of a value.

    >>> split_pairs("betas=(0.9, 0.99),name='a,b'")
    ['betas=(0.9, 0.99)', "name='a,b'"]
    """
    pairs, depth, quote, escaped = [""], 0, "", False
    for letter in typed:
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth and not quote:
            pairs.append("")
        else:
            pairs[-1] += letter
    return typed.split(",") if depth or quote else pairs  # an unpaired one is part of a text


def written_out(value: Any) -> Any:
    """Return a tuple, list or dictionary as its text, which names such a choice of a loop.

    >>> written_out((0.9,  0.99)), written_out(3)
    ('(0.9, 0.99)', 3)
    """
    return " ".join(repr(value).split()) if isinstance(value, tuple | list | dict | set) else value


def taken(typed: str, drawn: Drawn) -> Any:
    """Return the value that NAME=VALUE sets for a hyperparameter.

    Args:
        typed: NAME=VALUE with its option, for messages.

    Raises:
        UsageError: the hyperparameter cannot have that value.
    """
    text = typed.partition("=")[2]
    if drawn.choices is not None:
        for choice in drawn.choices:
            if text in (str(choice), str(choice).lower()) or literal(text) == choice:
                return choice
        choices = ", ".join(map(str, drawn.choices))
        raise UsageError(f"{typed} is not one of its choices: {choices}")
    value, takes = literal(text), f"it takes {drawn.low} to {drawn.high}"
    if not is_number(value):
        raise UsageError(f"{typed} is not a number; {takes}")
    if drawn.whole and not isinstance(value, int):
        raise UsageError(f"{typed} is not a whole number; {takes}")
    if not drawn.contains(value):
        steps = f" in steps of {drawn.step}" if drawn.step not in (None, 1) else ""
        raise UsageError(f"{typed} is out of range; {takes}{steps}")
    return value if drawn.whole else float(value)


def literal(text: str) -> object:
    """Read a Python literal; anything else is a plain word."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's, about likely slips in a program
            value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value
