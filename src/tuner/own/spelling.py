"""Chooses one spelling per class, if a file has several: 1 and 1.0, Yes and yes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import normalize

from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping


def one_spelling(counts: Mapping[str, int], meaning: Callable[[str], Hashable]) -> dict[str, str]:
    """Return the spelling of each text's class: the most frequent among texts of one meaning.

    Args:
        counts: of each text.
    """
    chosen: dict[Hashable, str] = {}
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        chosen.setdefault(meaning(text), text)
    return {text: chosen[meaning(text)] for text in counts}


def check_words(target: str, counts: Mapping[str, int]) -> None:
    """Refuse classes that are words and differ only in case or spaces, which is never intended.

    Raises:
        DataError: there are two such classes.
    """
    for text, other in sorted(one_spelling(counts, _folded).items()):
        if text != other:
            raise DataError(
                f"target {target!r} has the classes {other!r} and {text!r}, which differ only in "
                "case or spaces; write them the same way"
            )


def alike(texts: Iterable[str]) -> tuple[str, str] | None:
    """Return two different texts that differ only in case or spaces; None if there are none."""
    known: dict[str, str] = {}
    for text in texts:
        other = known.setdefault(_folded(text), text)
        if other != text:
            return other, text
    return None


def _folded(text: str) -> str:
    return " ".join(normalize("NFKC", text).casefold().split())
