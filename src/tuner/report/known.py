"""Translates English texts from a store or a picture, by the patterns of the code that wrote them.

`recalled` accepts a pattern from any code, so it needs long ones. Here it is known which code wrote
a text, so short patterns can be accepted too: "all upright", "trial".
"""

from __future__ import annotations

import re
import string
from functools import cache
from typing import TYPE_CHECKING

from tuner.language import ENGLISH, catalogue, filled, phrase, said, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = ("tuner/data/", "tuner/own/", "tuner/report/sections/data.py")  # describe the data
RIVALS = ("tuner/evidence/rivals/",)
CHARTS = ("tuner/report/charts/", "tuner/report/wording.py")
NUMBER = r"[-\u2212\d.,einfa+]+"
BETWEENS = ("; ", ", ", " = ")  # separators of lists, the weakest binding first
CLAUSES = {"; ": said("{one}; {other}"), ", ": said("{one}, {other}")}
COUNTED = re.compile(r"(?P<what>.+): (?P<count>[\d,]+)")
IN_BRACKETS = re.compile(r"(?P<name>.+?) \((?P<why>[^()]+)\)")


def known(text: str, rooms: tuple[str, ...]) -> str:
    """Return an English text in the current language, as far as its patterns are known.

    Args:
        text: of one pattern, or of several separated by semicolons.
        rooms: beginnings of the paths of code that may have written it.

    >>> known("all upright", DATA)
    'all upright'
    """
    if spoken() == ENGLISH:
        return text
    if (whole := _whole(text, rooms)) is not None:
        return whole
    return _listed(text, rooms)


def _whole(text: str, rooms: tuple[str, ...]) -> str | None:
    """Return the translation of a text of one pattern; None if it fits none."""
    exact, patterns = _patterns(spoken(), rooms)
    if text in exact:
        return exact[text]
    for shape, other in patterns:
        if found := shape.fullmatch(text):
            parts = {name: known(part, rooms) for name, part in found.groupdict().items()}
            return filled(other, parts)
    return None


def _listed(text: str, rooms: tuple[str, ...], betweens: tuple[str, ...] = BETWEENS) -> str:
    """Return a list with its known parts translated; a name before brackets, or a count, stays."""
    told = _reason(text, rooms)
    if told != text or not betweens:
        return told
    first, *others = betweens
    pieces = text.split(first)
    every = [_whole(one, rooms) or _listed(one, rooms, tuple(others)) for one in pieces]
    if every == pieces or first not in CLAUSES:  # names may contain such separators
        return first.join(every)
    told = every[0]
    for one in every[1:]:
        told = phrase(CLAUSES[first], one=told, other=one)
    return told


def _reason(text: str, rooms: tuple[str, ...]) -> str:
    if (found := COUNTED.fullmatch(text)) and (what := _whole(found["what"], rooms)):
        return phrase("{what}: {count}", what=what, count=found["count"])
    if (found := IN_BRACKETS.fullmatch(text)) and (why := _whole(found["why"], rooms)):
        return f"{found['name']} ({why})"
    return text


@cache
def _patterns(
    language: str, rooms: tuple[str, ...]
) -> tuple[Mapping[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """Return the texts without parts, and the patterns, those with the most letters first."""
    exact: dict[str, str] = {}
    patterns: list[tuple[int, re.Pattern[str], str]] = []
    for one in catalogue(language):
        if not one.id or not any(room in path for path, _ in one.locations for room in rooms):
            continue
        ids = [one.id] if isinstance(one.id, str) else list(one.id)
        forms = [one.string] if isinstance(one.string, str) else list(one.string or [""])
        for place, pattern in enumerate(ids):
            other = forms[min(place, len(forms) - 1)]
            pieces = list(string.Formatter().parse(pattern))
            if all(name is None for _, name, *_ in pieces):
                exact[pattern] = other
                continue
            letters = sum(letter.isalpha() for literal, *_ in pieces for letter in literal)
            if letters:  # a pattern of punctuation alone fits anything
                patterns.append((letters, _shape(pieces), _without_kinds(other)))
    patterns.sort(key=lambda one: -one[0])
    return exact, tuple((shape, other) for _, shape, other in patterns)


def _shape(pieces: list[tuple[str, str | None, str | None, str | None]]) -> re.Pattern[str]:
    """Return a regular expression for the texts of a pattern, with a group for each part."""
    shape, seen = "", set[str]()
    for literal, name, kind, _ in pieces:
        shape += re.escape(literal)
        if name is not None:
            part = NUMBER if kind else ".+?"
            shape += f"(?P={name})" if name in seen else f"(?P<{name}>{part})"
            seen.add(name)
    return re.compile(shape, re.DOTALL)


def _without_kinds(pattern: str) -> str:
    """Return a pattern without the formats of its parts."""
    return "".join(
        literal.replace("{", "{{").replace("}", "}}") + ("" if name is None else f"{{{name}}}")
        for literal, name, *_ in string.Formatter().parse(pattern)
    )
