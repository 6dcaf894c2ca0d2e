"""Routes that know who may use them, and run in threads so that they may wait."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, overload
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.web.addresses import HOME, here
from tuner.serve.web.problems import is_for_programs
from tuner.serve.words import word

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from tuner.serve.service import Service
    from tuner.serve.tokens import Person, Role
    from tuner.serve.web.operation import Operation

LOGIN = "/tuner/login"
FORM = "application/x-www-form-urlencoded"


class Asked:
    """A request, with everything that handlers need.

    Attributes:
        body: its bytes.
    """

    def __init__(self, request: Request, body: bytes) -> None:
        self.request, self.body = request, body
        self.service: Service = request.app.state.service
        self.person: Person | None = request.state.person

    @property
    def who(self) -> str:
        """Name of the person behind the request."""
        return self.person.name if self.person else "?"

    def path(self, name: str) -> str:
        """Return a part of the path.

        Raises:
            UsageError: the name is impossible, so nothing can have it.
        """
        found = str(self.request.path_params[name])
        if not found.isprintable():
            raise UsageError(
                said(
                    "no {name} {found!r}; a name has printable characters only",
                    name=name,
                    found=found,
                )
            )
        return found

    @overload
    def query(self, name: str) -> str | None: ...

    @overload
    def query(self, name: str, default: str) -> str: ...

    def query(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter of the query, which may be empty, or a default if it is missing.

        Raises:
            UsageError: it contains characters that no valid value has.
        """
        found = self.request.query_params.get(name, default)
        if found is not None and not found.isprintable():
            raise UsageError(
                said(
                    "{name}: got {found!r}; it takes printable characters only",
                    name=name,
                    found=found,
                )
            )
        return found

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            HTTPException: it is not sent as JSON, which a form of another site could not do.
            UsageError: it is not a JSON object.
        """
        if self.request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise HTTPException(415, "send JSON, with the header Content-Type: application/json")
        try:
            found = json.loads(self.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise UsageError(f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise UsageError('the body is not a JSON object; write it like {"trials": 50}')
        return found

    def form(self) -> dict[str, list[str]]:
        """Return the fields of a form that was sent by one of our pages.

        Raises:
            HTTPException: another page has sent it, or it is not a form.
        """
        if self.request.headers.get("content-type", "").partition(";")[0] != FORM:
            raise HTTPException(415, said("send a form of the page"))
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=300)
        except ValueError as error:
            raise UsageError(said("the form cannot be read: {error}", error=error)) from error
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        key = self.service.form_key(self.person.session if self.person else "")
        if not hmac.compare_digest(fields.pop("form_key", [""])[0].encode(), key.encode()):
            raise HTTPException(403, said("the form is too old; load its page again and repeat"))
        return fields


class RoleRoute(Route):
    """A route with the role that it requires; None for everybody.

    Attributes:
        operation: its description; None for a page.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        role: Role | None,
        method: str,
        operation: Operation | None = None,
    ) -> None:
        super().__init__(path, endpoint, methods=[method], name=f"{method} {path}")
        self.role, self.method, self.operation = role, method, operation


def check_role(request: Request, role: Role | None) -> None:
    """Refuse a request without the required role.

    Raises:
        HTTPException: the person is not logged in, or their role is too low.
    """
    person: Person | None = request.state.person
    if role is not None and person is None:
        if not is_for_programs(request):
            raise HTTPException(401, said("you are logged out, so nothing was done; log in again"))
        raise HTTPException(401, said("send a token: Authorization: Bearer TOKEN"))
    if role is not None and person is not None and not person.may(role):
        raise HTTPException(
            403,
            said(
                "this needs the role {role}, and yours is {own}",
                role=word(role),
                own=word(person.role),
            ),
        )


def route(
    path: str,
    handler: Callable[[Asked], Response],
    role: Role | None,
    method: str = "GET",
    *,
    operation: Operation | None = None,
) -> RoleRoute:
    """Return a route for people with this role or a higher one; None for everybody.

    Args:
        handler: may wait for the database, because it is called in a thread.
    """

    async def endpoint(request: Request) -> Response:
        is_page = request.method == "GET" and not is_for_programs(request)
        if role is not None and request.state.person is None and is_page:
            wanted = here(request)
            after = f"?{urlencode({'next': wanted})}" if wanted != HOME else ""
            return RedirectResponse(LOGIN + after, 303)
        check_role(request, role)
        body = b"" if method == "GET" else await request.body()
        return await run_in_threadpool(handler, Asked(request, body))

    return RoleRoute(path, endpoint, role, method, operation)


def get(
    path: str, handler: Callable[[Asked], Response], role: Role | None, operation: Operation
) -> RoleRoute:
    """Return a route that reads."""
    return route(path, handler, role, operation=operation)


def post(
    path: str, handler: Callable[[Asked], Response], role: Role, operation: Operation
) -> RoleRoute:
    """Return a route that acts."""
    return route(path, handler, role, "POST", operation=operation)
