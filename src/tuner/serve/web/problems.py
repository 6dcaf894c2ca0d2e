"""Error responses: a page for people, a problem document (RFC 9457) for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tuner.errors import (
    BundleError,
    DataError,
    DepotError,
    StoreError,
    StudyError,
    TunerError,
    UsageError,
)
from tuner.language import reason_of, said
from tuner.serve.finding import is_there
from tuner.serve.web.addresses import form_page
from tuner.serve.web.rendering import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

API = "/api/"
FOR_PROGRAMS = ("/healthz", "/readyz", "/metrics")
NAMES = ("name", "study")  # parameters for a study, in the paths of routes
CLIENT_CLOSED_REQUEST = 499  # nginx's status code for it
STATUS: dict[type[TunerError], int] = {
    UsageError: 400,
    DataError: 400,
    BundleError: 409,
    StudyError: 409,
    StoreError: 503,
    DepotError: 503,
}


def is_for_programs(request: Request) -> bool:
    """Whether an address is for programs, not for people."""
    return request.url.path.startswith((API, *FOR_PROGRAMS))


def answer(
    request: Request, status: int, reason: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response to a request that cannot be served."""
    title = HTTPStatus(status).phrase
    headers = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if is_for_programs(request):
        body = {"type": "about:blank", "title": title, "status": status, "detail": reason}
        return JSONResponse(body, status, media_type="application/problem+json", headers=headers)
    context = {
        "title": title,
        "reason": reason,
        "is_unknown": status == HTTPStatus.UNAUTHORIZED,
        "back": form_page(request) if request.method == "POST" else "",
    }
    return page(request, "problem.html", context, status=status, headers=headers)


def on_error(request: Request, error: Exception) -> Response:
    """Return the response to an error of tuner, with the message of the command line."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    if str(error).startswith("no ") and status == HTTPStatus.BAD_REQUEST:
        status = 404 if request.method in {"GET", "HEAD"} else status
    return answer(request, status, reason_of(error))


def on_vanished(request: Request, error: Exception) -> Response:
    """Return the response if a study was deleted during reading, when Optuna raises KeyError.

    Raises:
        KeyError: the study exists, so the error has another cause.
    """
    name = next((request.path_params[one] for one in NAMES if one in request.path_params), None)
    if name is None or is_there(request.app.state.service.storage, name):
        raise error
    return answer(request, 404, said("study {name!r} has been deleted in the meantime", name=name))


def on_leaving(request: Request, error: Exception) -> Response:
    """Return an empty response: the client has left before its request was complete."""
    del request, error
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def on_http_error(request: Request, error: Exception) -> Response:
    """Return the response to an error that a route or Starlette raises."""
    if not isinstance(error, HTTPException):
        raise error
    return answer(request, error.status_code, error.detail, error.headers)
