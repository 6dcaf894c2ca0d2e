"""Pages from templates, with what all of them need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import RedirectResponse
from starlette.templating import Jinja2Templates

from tuner.report.wording import setting
from tuner.serve.forecasting import in_words
from tuner.serve.queue import name_of
from tuner.serve.times import minute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

HERE = Path(__file__).parent
STATIC = HERE / "static"


def number(value: float | None, per_cent: bool = False) -> str:
    """Write a score, or a dash where there is none."""
    if value is None:
        return "\N{EN DASH}"
    return f"{100 * value:.2f} %" if per_cent else f"{value:.4g}"


def size(count: float) -> str:
    """Write a number of bytes."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["number"] = number
    made.filters["duration"] = in_words
    made.filters["size"] = size
    made.filters["priority"] = name_of
    made.filters["moment"] = minute
    made.filters["segment"] = lambda text: quote(str(text), safe="")
    made.filters["setting"] = setting
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
    """Return a page."""
    person = getattr(request.state, "person", None)
    service = getattr(request.app.state, "service", None) if "app" in request.scope else None
    key = service.form_key(person.session) if service and person else ""
    return TEMPLATES.TemplateResponse(
        request,
        template,
        {"person": person, "form_key": key, "path": request.url.path, **context},
        status_code=status,
        headers=headers,
    )


def to_study(name: str) -> Response:
    """Lead to the page of a study."""
    return RedirectResponse(f"/tuner/studies/{quote(name, safe='')}", 303)
