"""Chooses the language of a page: the reader's choice, else what the browser asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from tuner.errors import unknown_name
from tuner.language import ENGLISH, languages
from tuner.serve.web.addresses import own_page
from tuner.serve.web.problems import is_for_programs

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from tuner.serve.web.routing import Asked

COOKIE = "tuner_language"
SECONDS = 365 * 24 * 3600  # for which a browser remembers the choice


def language_of(request: Request) -> str:
    """Return the code of a page's language. The API is always in English."""
    if is_for_programs(request):
        return ENGLISH
    chosen = request.cookies.get(COOKIE, "")
    if chosen in languages():
        return chosen
    return negotiated(request.headers.get("accept-language", ""))


def negotiated(header: str) -> str:
    """Return the best language for an Accept-Language header (RFC 9110, section 12.5.4).

    Ranges are looked up by RFC 4647, section 3.4: `zh-Hans-CN` gets `zh`.

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


def switch(asked: Asked) -> Response:
    """Store the reader's choice of language, and redirect to the page they were on.

    Raises:
        UsageError: there is no such language.
    """
    fields = asked.form()
    language = fields.get("language", [""])[0]
    if language not in languages():
        raise unknown_name("language", "languages", language, languages())
    answer = RedirectResponse(own_page(fields.get("back", [""])[0]), 303)
    answer.set_cookie(
        COOKIE,
        language,
        max_age=SECONDS,
        httponly=True,
        samesite="strict",
        secure=asked.request.url.scheme == "https",
    )
    return answer
