"""The values that a hyperparameter can have: those that a study stores without changing them."""

from __future__ import annotations

from enum import Enum
from numbers import Real

SCALARS = (bool, int, float, str, type(None))  # JSON returns them unchanged


def fault_of_value(name: str, value: object) -> str | None:
    """Return why a hyperparameter cannot have a value, and what to write; None if it can.

    A member of an `Enum` is refused even if it is also a text or a number: a study would return it
    as a plain one.
    """
    if isinstance(value, SCALARS) and not isinstance(value, Enum):
        return None
    if isinstance(value, Enum):
        advice = f"Keep its value, {value.value!r}, and have `build` look the member up"
    elif isinstance(value, Real):  # a number of NumPy
        advice = "Write int(...) or float(...) around it"
    elif isinstance(value, list | tuple):
        advice = f"Write it as several fields, {name}_0, {name}_1, ..."
    else:
        advice = "Keep its name as text, and have `build` make it"
    return (
        f"{name} is a {type(value).__name__}, {value!r}; a hyperparameter is a bool, int, float or "
        f"str. {advice}"
    )
