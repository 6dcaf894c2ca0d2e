"""Converts a loop's objects to plain values, because they exist only in its own process."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MOST_NUMBERS = 10_000  # of an array that is stored as numbers
MOST_CHARACTERS = 200  # of an object that is stored as text
DEEPEST = 20
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # differs from run to run


def as_plain(value: Any, depth: int = 0) -> Any:
    """Return a value in JSON's types: numbers and lists if it has them, else its text.

    >>> as_plain({"sizes": (1, 2), 3: PurePath("model.pt")})
    {'sizes': [1, 2], '3': 'model.pt'}
    """
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if isinstance(value, str | PurePath):
        return str(value)
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {str(key): as_plain(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [as_plain(one, depth + 1) for one in value]
        if isinstance(value, set | frozenset):
            return [as_plain(one, depth + 1) for one in sorted(value, key=repr)]
        if (numbers := _numbers(value)) is not None:
            return as_plain(numbers, depth + 1)
    return _text(value)


def with_plain_choices(distribution: BaseDistribution) -> BaseDistribution:
    """Return a range with choices for a database: a class by its name, a tuple as text.

    >>> with_plain_choices(CategoricalDistribution([(1, 2), dict, None])).choices
    ('(1, 2)', 'dict', None)
    """
    if not isinstance(distribution, CategoricalDistribution):
        return distribution
    choices: list[Any] = []
    for one in distribution.choices:
        number = _numbers(one)
        one = number if isinstance(number, bool | int | float) else one  # a scalar of NumPy
        known = one is None or isinstance(one, bool | int | float | str)
        text = as_plain(one) if known else _name(one)
        choices.append(f"{text} ({len(choices)})" if not known and text in choices else text)
    return CategoricalDistribution(choices)


def _numbers(value: Any) -> Any:
    """Return the numbers of an array, tensor or scalar of any library; None if it is none."""
    shape = getattr(value, "shape", None)
    if isinstance(value, type) or not isinstance(shape, tuple) or not hasattr(value, "tolist"):
        return None
    try:
        return value.tolist() if math.prod(shape) <= MOST_NUMBERS else None
    except Exception:  # whatever a library raises: then the text is stored
        return None


def _name(value: Any) -> str:
    """Return the text of a choice."""
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else _text(value)


def _text(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # its own repr may fail
        text = f"<{type(value).__qualname__}>"
    return " ".join(ADDRESS.sub("", text).split())[:MOST_CHARACTERS]
