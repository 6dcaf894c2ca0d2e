"""Names for a picture: unchanged in a font with their letters, or as numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from matplotlib.font_manager import fontManager, get_font

if TYPE_CHECKING:
    from collections.abc import Sequence

BASE = "DejaVu Sans"  # included in matplotlib
LAST_RESORT = "Last Resort"  # included too; it draws boxes for all letters
CONTROL = range(0x20)  # characters that no font draws


def drawable(names: Sequence[str]) -> list[str]:
    """Return the names in one line each, or their numbers from 1 if no font has all the letters.

    The report explains these numbers in a table.
    """
    lines = [" ".join(name.split()) for name in names]
    letters = frozenset("".join(lines))
    if any(ord(letter) in CONTROL for letter in letters) or families_for(letters) is None:
        return [str(place) for place in range(1, len(names) + 1)]
    return lines


def families_for(letters: frozenset[str]) -> tuple[str, ...] | None:
    """Return font families that together have these letters; None if some letter is in no font."""
    missing = letters - _letters_of(_path_of(BASE)) - {" "}
    return (BASE,) if not missing else _fallback(frozenset(missing))


@lru_cache(maxsize=64)
def _fallback(missing: frozenset[str]) -> tuple[str, ...] | None:
    """Return the base and the first other family, by name, with all missing letters."""
    plain = [
        font
        for font in fontManager.ttflist
        if font.style == "normal"
        and font.weight in (400, "normal", "regular")
        and LAST_RESORT not in font.name
    ]
    for font in sorted(plain, key=lambda one: (one.name, one.fname)):
        if missing <= _letters_of(font.fname):
            return BASE, font.name
    return None


@lru_cache(maxsize=256)
def _letters_of(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except (OSError, RuntimeError):  # a missing or damaged font file
        return frozenset()


def _path_of(family: str) -> str:
    return next(
        font.fname
        for font in fontManager.ttflist
        if font.name == family and font.style == "normal" and font.weight in (400, "normal")
    )
