"""The pages for logging in with a token and out, and the audit log for admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from tuner.language import said
from tuner.serve.web.access import COOKIE, address_of
from tuner.serve.web.addresses import HOME, own_page
from tuner.serve.web.rendering import page
from tuner.serve.web.routing import LOGIN, route
from tuner.serve.web.switching import switch

if TYPE_CHECKING:
    from starlette.responses import Response

    from tuner.serve.web.routing import Asked, RoleRoute


def _root(asked: Asked) -> Response:
    del asked
    return RedirectResponse(HOME, 303)


def _login(asked: Asked) -> Response:
    return _login_page(asked, asked.request.query_params.get("next", HOME))


def _login_page(asked: Asked, next_page: str, wrong: str = "", status: int = 200) -> Response:
    context = {"wrong": wrong, "next_page": next_page}
    return page(asked.request, "login.html", context, status=status)


def _log_in(asked: Asked) -> Response:
    fields = asked.form()
    token, next_page = (fields.get(name, [""])[0].strip() for name in ("token", "next"))
    failures, address = asked.request.state.failures, address_of(asked.request)
    person = asked.service.tokens.find(token)
    if person is None and failures.too_many(address):
        wrong = said("There were too many wrong tokens. Try again in a minute.")
        return _login_page(asked, next_page, wrong, 429)
    if person is None:
        failures.note(address)
        wrong = said("This token is not known, or it has expired. Ask for another.")
        return _login_page(asked, next_page, wrong, 401)
    answer = RedirectResponse(own_page(next_page), 303)
    answer.set_cookie(
        COOKIE,
        asked.service.sessions.begin(person),
        httponly=True,
        samesite="strict",
        secure=asked.request.url.scheme == "https",
    )
    return answer


def _log_out(asked: Asked) -> Response:
    asked.form()
    if asked.person:
        asked.service.sessions.end(asked.person.session)
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(COOKIE)
    return answer


def _acts(asked: Asked) -> Response:
    return page(asked.request, "acts.html", {"acts": asked.service.acts.newest()})


def routes() -> list[RoleRoute]:
    """Return the routes of these pages."""
    return [
        route("/", _root, None),
        route(LOGIN, _login, None),
        route(LOGIN, _log_in, None, "POST"),
        route("/tuner/language", switch, None, "POST"),
        route("/tuner/logout", _log_out, "viewer", "POST"),
        route("/tuner/acts", _acts, "admin"),
    ]
