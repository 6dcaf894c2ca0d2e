"""The page of webhooks, for admins: add, test and remove them, and see their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from tuner.errors import UsageError
from tuner.language import reason_of
from tuner.serve.api import hooks
from tuner.serve.web.rendering import page
from tuner.serve.web.routing import route

if TYPE_CHECKING:
    from starlette.responses import Response

    from tuner.serve.tables import Hook
    from tuner.serve.web.routing import Asked, RoleRoute

TOP = "/tuner/hooks"


def _hooks(asked: Asked) -> Response:
    return _shown(asked)


def _shown(asked: Asked, new: Hook | None = None, wrong: str = "", typed: str = "") -> Response:
    every = asked.service.hooks.all()
    rows = [(hooks.hook_facts(one), asked.service.hooks.log(one.id)[:10]) for one in every]
    context = {"rows": rows, "new": new, "wrong": wrong, "typed": typed}
    return page(asked.request, "hooks.html", context, status=400 if wrong else 200)


def _add(asked: Asked) -> Response:
    url = asked.form().get("url", [""])[0].strip()
    try:
        return _shown(asked, new=hooks.add(asked, url))
    except UsageError as error:
        return _shown(asked, wrong=reason_of(error), typed=url)


def _try_out(asked: Asked) -> Response:
    asked.form()
    hooks.try_out(asked)
    return RedirectResponse(TOP, 303)


def _remove(asked: Asked) -> Response:
    asked.form()
    hooks.remove(asked)
    return RedirectResponse(TOP, 303)


def routes() -> list[RoleRoute]:
    """Return the routes of the page."""
    return [
        route(TOP, _hooks, "admin"),
        route(TOP, _add, "admin", "POST"),
        route(f"{TOP}/{{number}}/test", _try_out, "admin", "POST"),
        route(f"{TOP}/{{number}}/remove", _remove, "admin", "POST"),
    ]
