"""Translates English texts from a store, by the patterns they were made from."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tuner.language import ENGLISH, Message, catalogue, filled, joined, phrase, spoken, translated
from tuner.report.wording import title_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

FEWEST_LETTERS = 12  # of a pattern, from which on a match is not taken for chance


def recalled(text: str) -> str:
    """Return a stored English text in the current language, if its pattern is known.

    A store holds plain strings. The text is compared with every pattern of the catalogue, and the
    matching one with the most letters of its own is used; if there are several sentences, each must
    be known. Any other text is returned unchanged.

    >>> recalled("what a person wrote")
    'what a person wrote'
    """
    if spoken() == ENGLISH:
        return text
    if isinstance(text, Message):
        return translated(text)
    if (whole := _recalled(text, FEWEST_LETTERS)) is not None:
        return whole
    every = [_recalled(one, FEWEST_LETTERS) for one in re.split(r"(?<=[.!?]) (?=[A-Z])", text)]
    known = [one for one in every if one is not None]
    return joined(*known) if len(known) == len(every) else text


def _recalled(text: str, fewest: int = 1) -> str | None:
    """Return the translation of a text of one pattern; None if its pattern is unknown.

    Args:
        fewest: letters of its own that a pattern needs.
    """
    exact, patterns = _patterns(spoken())
    if text in exact:
        return exact[text]
    for pattern in patterns:
        if pattern.letters < fewest:
            break
        if found := pattern.shape.fullmatch(text):
            parts = {name: _part(part) for name, part in found.groupdict().items()}
            return filled(pattern.other, parts)
    return None


def _part(text: str) -> str:
    """Return a part of a text, which may be a list: a part with a space may not be just a name."""
    if " " not in text:
        return title_in_words(text)  # a name, unless it is a word for what is measured
    if (whole := _recalled(text)) is not None:
        return whole
    pieces = re.split(", | and ", text)
    every = [_recalled(one) if " " in one else one for one in pieces]
    known = [one for one in every if one is not None]
    if len(known) < len(every) or known == pieces:
        return text
    listed = known[0]
    for one in known[1:]:
        listed = phrase("{one}, {other}", one=listed, other=one)
    return listed


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern of the catalogue, prepared for matching English texts.

    Attributes:
        letters: number of its own letters.
        shape: matches the texts made from it, with a group for each part.
        other: the same pattern in the other language, with its parts unformatted.
    """

    letters: int
    shape: re.Pattern[str]
    other: str

    @classmethod
    def of(cls, pattern: str, other: str) -> _Pattern:
        """Read a pattern and its translation."""
        shape, seen = "", set[str]()
        pieces = list(string.Formatter().parse(pattern))
        letters = sum(letter.isalpha() for literal, *_ in pieces for letter in literal)
        within_a_sentence = r"(?:(?![.!?] ).)+?"
        text = within_a_sentence if letters >= FEWEST_LETTERS else r"[-\u2212\w.,]+"
        for literal, name, kind, _ in pieces:
            shape += re.escape(literal)
            if name is None:
                continue
            number = r"[-\u2212\d.,einfa+]+"
            part = number if kind else text
            shape += f"(?P={name})" if name in seen else f"(?P<{name}>{part})"
            seen.add(name)
        plain = "".join(
            literal.replace("{", "{{").replace("}", "}}") + ("" if name is None else f"{{{name}}}")
            for literal, name, *_ in string.Formatter().parse(other)
        )
        return cls(letters, re.compile(shape), plain)


@cache
def _patterns(language: str) -> tuple[Mapping[str, str], tuple[_Pattern, ...]]:
    """Return the texts without parts, and the patterns, those with the most letters first."""
    exact, patterns = dict[str, str](), list[_Pattern]()
    for one in catalogue(language):
        if not one.id or not any(path.endswith(".py") for path, _ in one.locations):
            continue
        ids = [one.id] if isinstance(one.id, str) else list(one.id)
        forms = [one.string] if isinstance(one.string, str) else list(one.string or [""])
        for place, pattern in enumerate(ids):
            other = forms[min(place, len(forms) - 1)]
            if any(name is not None for _, name, *_ in string.Formatter().parse(pattern)):
                patterns.append(_Pattern.of(pattern, other))
            else:
                exact[pattern] = other
    return exact, tuple(sorted(patterns, key=lambda one: -one.letters))
