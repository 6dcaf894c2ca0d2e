"""A difference between a study as it was begun and as it would continue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that results depend on and that has changed since the study was begun.

    Attributes:
        what: name of the thing.
        was: the old value, in words; `now` is the new one.
        said: the whole difference, in words that follow "this study differs:".
        can_be_accepted: whether the study can continue in spite of it. Typed options cannot be
            accepted: the user can type the study's own command again.
        of_case: whether the case has changed, and not tuner or the typed options.
    """

    what: str
    was: str
    now: str
    said: str
    can_be_accepted: bool = True
    of_case: bool = True


def plain(what: str, was: object, now: object) -> Change:
    """Return the change of a simple value; it can be accepted."""
    said = f"its {what} is {was}, not {now}"
    return Change(what=what, was=str(was), now=str(now), said=said)


def typed(what: str, was: object, now: object) -> Iterator[Change]:
    """Yield the change of a typed option if it has changed; it cannot be accepted."""
    if was != now:
        yield replace(plain(what, was, now), can_be_accepted=False, of_case=False)
