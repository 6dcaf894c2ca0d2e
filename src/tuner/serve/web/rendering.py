"""Renders pages from templates, with the variables that all of them need."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import InternationalizationExtension
from markupsafe import Markup, escape
from starlette.responses import RedirectResponse
from starlette.templating import Jinja2Templates

from tuner.language import (
    ENGLISH,
    Message,
    gettext,
    is_translated,
    languages,
    ngettext,
    phrase,
    spoken,
    translated,
    words_of_scripts,
)
from tuner.report.known import DATA, known
from tuner.report.recalling import recalled
from tuner.report.wording import in_a_row, setting
from tuner.serve.jobs.turns import priority_word
from tuner.serve.studies.forecasting import forecast_in_words
from tuner.serve.tables import AT_WORK
from tuner.serve.times import minute
from tuner.serve.web.addresses import form_page, here
from tuner.serve.words import word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from tuner.serve.tables import Job

HERE = Path(__file__).parents[1]
STATIC = HERE / "static"


def number(value: float | None, per_cent: bool = False) -> str:
    """Return a score as text, or a dash if there is none."""
    if value is None:
        return "\N{EN DASH}"
    return f"{100 * value:.2f} %" if per_cent else f"{value:.4g}"


def size(count: float) -> str:
    """Return a number of bytes as text."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def told(text: str) -> Markup:
    """Return a sentence in the reader's language; an untranslated one is marked as English."""
    other = _translated(text)
    return _marked(text) if other is None else escape(other)


def found(text: str) -> Markup:
    """Return findings in data, translated as far as possible."""
    other = known(text, DATA)
    return _marked(text) if other == text else escape(other)


def ended(text: str) -> Markup:
    """Return a reason, which has no full stop, as a sentence."""
    other = _translated(text)
    return _marked(f"{text}.") if other is None else escape(phrase("{reason}.", reason=other))


def _translated(text: str) -> str | None:
    """Return the translation of a sentence; None if it is not translated."""
    message = text if isinstance(text, Message) else word(text)
    if not is_translated(message):
        return None
    if not isinstance(message, Message):
        return message
    # Its parts may be sentences that a store or a report has in English.
    parts = {
        name: recalled(part) if isinstance(part, str) and part.endswith(".") else part
        for name, part in message.parts.items()
    }
    return phrase(message.pattern, **parts)


def _marked(text: str) -> Markup:
    return Markup("<span{}>{}</span>").format(in_english(), text)


def kept_up(jobs: Sequence[Job], address: str, part: str) -> Markup:
    """Return attributes of a part of a page that is read again until these jobs have ended.

    Args:
        address: of the page.
        part: CSS selector of the part.
    """
    if not any(job.state in AT_WORK for job in jobs):
        return Markup()
    asked = Markup(' hx-get="{}" hx-select="{}"').format(address, part)
    return asked + Markup(' hx-trigger="every 5s" hx-swap="outerHTML"')


def valued(text: str) -> Markup:
    """Return the value attribute of an option whose text is not its value."""
    return Markup("") if spoken() == ENGLISH else Markup(' value="{}"').format(text)


def csv_cell(text: str) -> str:
    """Return the text of a CSV cell, quoted if it contains a comma."""
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow([text])
    return row.getvalue()


def in_english() -> Markup:
    """Return the attribute of an element with English text in a page of another language."""
    return Markup("") if spoken() == ENGLISH else Markup(' lang="en"')


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[InternationalizationExtension],
    )
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters["number"] = number
    made.filters["duration"] = lambda seconds: translated(forecast_in_words(seconds))
    made.filters["size"] = size
    made.filters["priority"] = priority_word
    made.filters["moment"] = minute
    made.filters["csv_cell"] = csv_cell
    made.filters["segment"] = lambda text: quote(str(text), safe="")
    made.filters["setting"] = setting
    made.filters["word"] = lambda text: translated(word(text))
    made.filters["in_a_row"] = in_a_row
    made.filters["told"] = told
    made.filters["ended"] = ended
    made.filters["found"] = found
    made.filters["valued"] = valued
    made.filters["kept_up"] = kept_up
    made.globals["in_english"] = in_english
    made.filters["pretty"] = lambda value: json.dumps(value, ensure_ascii=False)
    return made


TEMPLATES = Jinja2Templates(env=_environment())


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Render a page."""
    person = getattr(request.state, "person", None)
    service = getattr(request.app.state, "service", None) if "app" in request.scope else None
    key = service.form_key(person.session if person else "") if service else ""
    return TEMPLATES.TemplateResponse(
        request,
        template,
        {
            "person": person,
            "form_key": key,
            "path": request.url.path,
            "here": here(request) if request.method == "GET" else form_page(request),
            "language": spoken(),
            "languages": languages(),
            "script_words": words_of_scripts(spoken()),
            **context,
        },
        status_code=status,
        headers=headers,
    )


def to_study(name: str) -> Response:
    """Redirect to the page of a study."""
    return RedirectResponse(f"/tuner/studies/{quote(name, safe='')}", 303)
