"""The reader's language: sentences are written in English, and catalogues translate them.

A catalogue is `languages/CODE.po`, which is read directly, so nothing has to be compiled. The
English sentence is its key (GNU gettext). The current language is a context variable: a request
sets it for everything that it calls, even in threads, and everything else uses English.
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
HAN = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")  # including punctuation
_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


class Message(str):
    """A sentence in English that remembers its pattern, so that it can be translated.

    Attributes:
        pattern: with names in braces, for `str.format`.
        parts: values for the braces; messages among them are translated too.
    """

    __slots__ = ("parts", "pattern")
    pattern: str
    parts: Mapping[str, object]


def said(pattern: str, /, **parts: object) -> Message:
    """Return a sentence that a page may show in another language.

    >>> str(said("got {count} tags; a study has at most {most}", count=9, most=5))
    'got 9 tags; a study has at most 5'
    """
    made = Message(pattern.format(**parts) if parts else pattern)
    made.pattern, made.parts = pattern, parts
    return made


def reason_of(error: BaseException) -> str:
    """Return the text of an error; a message stays a message."""
    found = error.args[0] if error.args else ""
    return found if isinstance(found, Message) and len(error.args) == 1 else str(error)


def translated(text: str) -> str:
    """Return a message in the current language; any other text unchanged."""
    if not isinstance(text, Message) or spoken() == ENGLISH:
        return text
    parts = {
        name: translated(part) if isinstance(part, Message) else part
        for name, part in text.parts.items()
    }
    pattern = gettext(text.pattern)
    return filled(pattern, parts) if parts else pattern


def phrase(pattern: str, /, **parts: object) -> str:
    """Return a sentence in the current language, with messages among its parts translated.

    >>> phrase("trial {number}", number=3)
    'trial 3'
    """
    return str(translated(said(pattern, **parts)))


def nphrase(one: str, many: str, count: int, /, **parts: object) -> str:
    """Return a sentence like `phrase`, in the singular or plural for a number.

    >>> nphrase("{count} seed", "{count} seeds", 1, count=1)
    '1 seed'
    """
    said_parts = {
        name: translated(part) if isinstance(part, str) else part for name, part in parts.items()
    }
    return filled(ngettext(one, many, count), said_parts)


def filled(pattern: str, parts: Mapping[str, object]) -> str:
    """Insert parts into a pattern, without spaces between adjacent Chinese characters."""
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
    """Mark the singular and plural of a phrase for the catalogues; `nphrase` chooses one."""
    return one, many


def joined(*sentences: str) -> str:
    """Return sentences one after the other, without empty ones."""
    told = [sentence for sentence in sentences if sentence]
    text = told[0] if told else ""
    for sentence in told[1:]:
        text = phrase("{sentence} {next_one}", sentence=text, next_one=sentence)
    return text


def nsaid(one: str, many: str, count: int, /, **parts: object) -> str:
    """Return a sentence that is stored in English, in the singular or plural for a number.

    >>> nsaid("{count} seed", "{count} seeds", 2, count=2)
    '2 seeds'
    """
    return (one if count == 1 else many).format(**parts)


def is_translated(text: str) -> bool:
    """Whether a text has a translation into the current language."""
    return spoken() == ENGLISH or (isinstance(text, Message) and text.pattern in _ids(spoken()))


def gettext(sentence: str) -> str:
    """Return the translation of a sentence into the current language."""
    return _catalogue(spoken()).gettext(sentence)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the translation of a singular or plural for a number, in the current language."""
    return _catalogue(spoken()).ngettext(one, many, count)


def spoken() -> str:
    """Return the code of the current language."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Set the current language within this context.

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
    """Return the available languages, each with its own name for itself."""
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
    """Return the translations of texts in page scripts; empty for English."""
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
