"""The reader's language: sentences are written once, in English, and catalogues have the others.

A catalogue is `languages/CODE.po`, read as it is, so nothing has to be compiled. The English
sentence is its key (GNU gettext). Which language is spoken is a context variable: a request sets
it for what it calls, in threads too, and everything else speaks English.
"""

from __future__ import annotations

import gettext as gnu
import io
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
    return pattern.format(**parts) if parts else pattern


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
