"""The values that a hyperparameter can have: those that a study gives back as they were."""

from __future__ import annotations

from enum import Enum
from numbers import Real

SCALARS = (bool, int, float, str, type(None))  # JSON gives them back as they were


def fault_of_value(name: str, value: object) -> str | None:
    """Say why a hyperparameter cannot have a value, and what to write; None: it can.

    A member of an `Enum` is refused even where it is a text or a number as well: a study keeps
    texts and numbers, and gives them back as such.
    """
    if isinstance(value, SCALARS) and not isinstance(value, Enum):
        return None
    if isinstance(value, Enum):
        advice = f"Keep its value, {value.value!r}, and have `build` look the member up"
    elif isinstance(value, Real):  # of NumPy's
        advice = "Write int(...) or float(...) around it"
    elif isinstance(value, list | tuple):
        advice = f"Write it as several fields, {name}_0, {name}_1, ..."
    else:
        advice = "Keep its name as text, and have `build` make it"
    return (
        f"{name} is a {type(value).__name__}, {value!r}; a hyperparameter is a bool, int, float or "
        f"str. {advice}"
    )
