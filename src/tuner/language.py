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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from babel.messages.catalog import Catalog

ENGLISH = "en"
FOLDER = Path(__file__).parent / "languages"
HAN = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")  # with its punctuation
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
    return filled(pattern, parts) if parts else pattern


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
    return filled(ngettext(one, many, count), said_parts)


def filled(pattern: str, parts: Mapping[str, object]) -> str:
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


def nsaid(one: str, many: str, count: int, /, **parts: object) -> str:
    """Write a sentence that is stored in English, in the form that suits a number.

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
