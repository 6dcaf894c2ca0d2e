"""Values that a person has set for the hyperparameters of a loop, held against what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.case.assignments import taken
from tuner.case.space import drawn_by
from tuner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from tuner.own.loops.events import Suggest


def check_value(asked: Suggest, value: Any, option: str = "") -> None:
    """Refuse a value that is outside the loop's range.

    Args:
        option: where it was set, for messages.

    Raises:
        UsageError: it is outside, or of another kind.
    """
    drawn = drawn_by(asked.distribution)
    if "=" in asked.name or (drawn.choices is not None and value in drawn.choices):
        return
    known = taken(f"{option}{asked.name}={value}", drawn)
    if known == value:
        return
    if drawn.choices is None:
        raise UsageError(
            f"{option}{asked.name}={value!r} is a text, and the loop asks for a number; write the "
            f"number, without quotes: {known!r}"
        )
    kind = "its choices are texts" if isinstance(known, str) else "it is a text"
    raise UsageError(
        f"{option}{asked.name}={value} is not one of its choices: {kind}; write "
        f'"{asked.name}={known!r}"'
    )


def unread_names(named: Collection[str], asked: Collection[str]) -> str | None:
    """Return which names of a person's the loop has not asked for, if any."""
    wrong = sorted(set(named) - set(asked))
    if not wrong:
        return None
    asked_for = ", ".join(sorted(asked)) or "nothing"
    return f"it names {', '.join(wrong)}, and the loop asked for {asked_for}; correct the names"
