"""The reader's language: sentences are written once, in English, and catalogues have the others.

A catalogue is `languages/CODE.po`, read as it is, so nothing has to be compiled. The English
sentence is its key (GNU gettext). Which language is spoken is a context variable: a request sets
it for what it calls, in threads too, and everything else speaks English.
"""

from __future__ import annotations

import gettext as gnu
import io
import re
import string
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from babel.messages.catalog import Catalog

ENGLISH = "en"
FOLDER = Path(__file__).parent / "languages"
HAN = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")  # with its punctuation
FEWEST_LETTERS = 12  # of a pattern, before it is believed that a text was made of it
_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


class Message(str):
    """A sentence in English that knows what it was made of, so it can be said in a language.

    Attributes:
        pattern: with names in braces, as `str.format` takes it.
        parts: what goes into the braces; a message among them is translated as well.
    """

    __slots__ = ("parts", "pattern")
    pattern: str
    parts: Mapping[str, object]


def said(pattern: str, /, **parts: object) -> Message:
    """Write a sentence that a page may show in another language.

    >>> str(said("got {count} tags; a study has at most {most}", count=9, most=5))
    'got 9 tags; a study has at most 5'
    """
    made = Message(pattern.format(**parts) if parts else pattern)
    made.pattern, made.parts = pattern, parts
    return made


def reason_of(error: BaseException) -> str:
    """Return what an error says; a message stays one."""
    found = error.args[0] if error.args else ""
    return found if isinstance(found, Message) and len(error.args) == 1 else str(error)


def translated(text: str) -> str:
    """Return a message in the language that is spoken; other text is returned as it is."""
    if not isinstance(text, Message) or spoken() == ENGLISH:
        return text
    parts = {
        name: translated(part) if isinstance(part, Message) else part
        for name, part in text.parts.items()
    }
    pattern = gettext(text.pattern)
    return _filled(pattern, parts) if parts else pattern


def phrase(pattern: str, /, **parts: object) -> str:
    """Write a sentence in the language that is spoken; messages among its parts too.

    >>> phrase("trial {number}", number=3)
    'trial 3'
    """
    return str(translated(said(pattern, **parts)))


def nphrase(one: str, many: str, count: int, /, **parts: object) -> str:
    """Write a sentence as `phrase` does, in the form that suits a number.

    >>> nphrase("{count} seed", "{count} seeds", 1, count=1)
    '1 seed'
    """
    said_parts = {
        name: translated(part) if isinstance(part, str) else part for name, part in parts.items()
    }
    return _filled(ngettext(one, many, count), said_parts)


def _filled(pattern: str, parts: Mapping[str, object]) -> str:
    """Put parts into a pattern; no space stays between two Chinese characters that come to meet."""
    if spoken() == ENGLISH:
        return pattern.format(**parts)
    text, formatter = "", string.Formatter()
    for literal, name, kind, conversion in formatter.parse(pattern):
        text = _next_to(text, literal)
        if name is not None:
            part = formatter.convert_field(parts[name], conversion)
            text = _next_to(text, format(part, kind or ""))
    return text


def _next_to(text: str, more: str) -> str:
    if HAN.match(text[-2:-1]) and text.endswith(" ") and HAN.match(more):
        return text[:-1] + more
    if HAN.match(text[-1:]) and more.startswith(" ") and HAN.match(more[1:]):
        return text + more[1:]
    return text + more


def plural(one: str, many: str) -> tuple[str, str]:
    """Mark the two forms of a phrase with a number for the catalogues; `nphrase` says one."""
    return one, many


def joined(*sentences: str) -> str:
    """Write sentences one after the other; an empty one is left out."""
    told = [sentence for sentence in sentences if sentence]
    text = told[0] if told else ""
    for sentence in told[1:]:
        text = phrase("{sentence} {next_one}", sentence=text, next_one=sentence)
    return text


def recalled(text: str, fewest: int = FEWEST_LETTERS) -> str:
    """Return a stored English text in the language that is spoken, where its pattern is known.

    What a store holds is a plain string. It is held against every pattern of the catalogue, and the
    one with the most letters of its own wins; of several sentences, each has to be known. Other
    text is returned as it is.

    Args:
        fewest: letters of its own that a pattern has to have, to be believed.

    >>> recalled("what a person wrote")
    'what a person wrote'
    """
    if spoken() == ENGLISH:
        return text
    if isinstance(text, Message):
        return translated(text)
    if (whole := _recalled(text, fewest)) is not None:
        return whole
    every = [_recalled(one, fewest) for one in re.split(r"(?<=[.!?]) (?=[A-Z])", text)]
    known = [one for one in every if one is not None]
    return joined(*known) if len(known) == len(every) else text


def nsaid(one: str, many: str, count: int, /, **parts: object) -> str:
    """Write a sentence that is stored in English, in the form that suits a number; see `recalled`.

    >>> nsaid("{count} seed", "{count} seeds", 2, count=2)
    '2 seeds'
    """
    return (one if count == 1 else many).format(**parts)


def is_translated(text: str) -> bool:
    """Whether a text can be said in the language that is spoken."""
    return spoken() == ENGLISH or (isinstance(text, Message) and text.pattern in _ids(spoken()))


def gettext(sentence: str) -> str:
    """Return a sentence in the language that is spoken."""
    return _catalogue(spoken()).gettext(sentence)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form of a sentence for a number, in the language that is spoken."""
    return _catalogue(spoken()).ngettext(one, many, count)


def spoken() -> str:
    """Return the code of the language that is spoken."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language for a while.

    Args:
        language: one of `languages`.
    """
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


@cache
def languages() -> Mapping[str, str]:
    """Return the languages there are, each with its name as its speakers write it."""
    from babel import Locale

    codes = [ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.po"))]
    return {code: (Locale.parse(code).get_display_name() or code).capitalize() for code in codes}


def negotiated(header: str) -> str:
    """Return the language that suits an Accept-Language header best (RFC 9110, section 12.5.4).

    A range is looked up as RFC 4647, section 3.4 has it: `zh-Hans-CN` is served by `zh`.

    >>> negotiated("fr, zh-CN;q=0.8, en;q=0.5")
    'zh'
    """
    wanted: list[tuple[float, str]] = []
    for part in header.split(","):
        range_, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1) if weight else 1.0
        except ValueError:
            quality = 0.0
        if 0 < quality <= 1:
            wanted.append((quality, range_.strip().lower()))
    for _, range_ in sorted(wanted, key=lambda one: -one[0]):  # sorting keeps ties in order
        while range_:
            if range_ in languages():
                return range_
            range_ = range_.rpartition("-")[0]
    return ENGLISH


@cache
def catalogue(language: str) -> Catalog:
    """Read the catalogue of a language other than English."""
    from babel.messages.pofile import read_po

    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, domain="tuner")


@cache
def words_of_scripts(language: str) -> Mapping[str, str]:
    """Return what scripts of pages say, in a language; empty for English."""
    if language == ENGLISH:
        return {}
    return {
        str(one.id): str(one.string)
        for one in catalogue(language)
        if one.id and any(path.endswith(".js") for path, _ in one.locations)
    }


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern of the catalogue, as it is recognised in an English text.

    Attributes:
        letters: how many of its own it has.
        shape: matches the texts that are made of it; a group has a part.
        other: the same pattern in the other language, its parts as they stand.
    """

    letters: int
    shape: re.Pattern[str]
    other: str

    @classmethod
    def of(cls, pattern: str, other: str) -> _Pattern:
        """Read a pattern and its translation."""
        shape, own, seen = "", "", set[str]()
        pieces = list(string.Formatter().parse(pattern))
        letters = sum(letter.isalpha() for literal, *_ in pieces for letter in literal)
        within_a_sentence = r"(?:(?![.!?] ).)+?"
        text = within_a_sentence if letters >= FEWEST_LETTERS else r"[-\u2212\w.,]+"
        for literal, name, kind, _ in pieces:
            own += literal
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


def _recalled(text: str, fewest: int = 1) -> str | None:
    """Return a text of one pattern in the language that is spoken; None: its pattern is unknown.

    Args:
        fewest: letters of its own that a pattern has to have.
    """
    exact, patterns = _patterns(spoken())
    if text in exact:
        return exact[text]
    for pattern in patterns:
        if pattern.letters < fewest:
            break
        if found := pattern.shape.fullmatch(text):
            parts = {name: _part(part) for name, part in found.groupdict().items()}
            return _filled(pattern.other, parts)
    return None


def _part(text: str) -> str:
    """Return a part of a text, which may be a list: what has a space may be more than a name."""
    if " " not in text:
        return text
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


@cache
def _ids(language: str) -> frozenset[str]:
    return frozenset(
        one.id for one in catalogue(language) if isinstance(one.id, str) and one.string
    )


@cache
def _catalogue(language: str) -> gnu.NullTranslations:
    if language == ENGLISH:
        return gnu.NullTranslations()
    from babel.messages.mofile import write_mo

    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return gnu.GNUTranslations(compiled)
