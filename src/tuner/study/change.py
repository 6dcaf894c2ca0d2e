"""One thing that is not as it was when a study was begun, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing on which results depend, and which is not as it was when the study was begun.

    Attributes:
        what: it is.
        was: in words; so is `now`.
        said: the whole of it, in words that follow on "this study differs:".
        can_be_accepted: whether the study can continue all the same. What was typed cannot: the
            command that made the study can be typed again.
        of_case: whether it lies in the case, and not in tuner or in what was typed.
    """

    what: str
    was: str
    now: str
    said: str
    can_be_accepted: bool = True
    of_case: bool = True


def plain(what: str, was: object, now: object) -> Change:
    """Return the change of what can be written in a word; it can be accepted."""
    said = f"its {what} is {was}, not {now}"
    return Change(what=what, was=str(was), now=str(now), said=said)


def typed(what: str, was: object, now: object) -> Iterator[Change]:
    """Yield the change of what was typed, if it has changed; it cannot be accepted."""
    if was != now:
        yield replace(plain(what, was, now), can_be_accepted=False, of_case=False)
