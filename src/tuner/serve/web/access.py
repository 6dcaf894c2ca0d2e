"""The gate in front of all routes: where a request comes from, who sends it, and how large it is.

Any page in a browser can send requests to this machine, so the Host, Origin and Sec-Fetch-Site of
every request are checked (OWASP, "Cross-Site Request Forgery Prevention").
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from tuner.errors import TunerError
from tuner.language import reason_of, said, speaking
from tuner.serve.tokens import Failures, Person
from tuner.serve.web.problems import answer
from tuner.serve.web.switching import language_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tuner.serve.service import Service

COOKIE = "tuner_session"
SAFE = {"GET", "HEAD", "OPTIONS"}
SECONDS_FOR_A_BODY, SLOWEST = 60.0, 10 * 2**10  # SLOWEST: bytes that earn one more second
LARGEST_BODY, LARGEST_INPUT = 2**20, 20 * 2**20  # bytes; the second is for predictions
LARGEST_UPLOAD = 2 * 2**30  # bytes, written to the disk in pieces
UPLOAD, API_DATA = "/tuner/uploads", "/api/v1/data"  # paths that accept files
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
OWNER = Person("owner", "admin")  # the sender of requests if there are no tokens


class BodyError(Exception):
    """A body is larger than its route allows, or arrives too slowly.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a request is refused.

    Attributes:
        status: of HTTP.
    """

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """ASGI middleware that refuses invalid requests, and stores the sender as `person`."""

    app: ASGIApp
    service: Service
    failures: Failures = field(default_factory=Failures)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with speaking(language_of(Request(scope))):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        sent = False

        async def guarded(message: Message) -> None:
            nonlocal sent
            if message["type"] == "http.response.start":
                sent = True
                protect(MutableHeaders(scope=message))
            await send(message)

        refusal = foreign(request, self.service.hosts)
        if refusal is None:
            try:
                refusal = await run_in_threadpool(self._identify, request)
            except TunerError as error:  # the database cannot be read
                refusal = Refusal(503, reason_of(error))
        if refusal is not None:
            await answer(request, refusal.status, refusal.reason)(scope, receive, guarded)
            return
        try:
            await self.app(scope, _limited(request, receive), guarded)
        except BodyError as error:
            if sent:
                raise
            headers = {"Connection": "close"}  # the rest of the body is not read
            refused = answer(request, error.status, reason_of(error), headers)
            await refused(scope, receive, guarded)

    def _identify(self, request: Request) -> Refusal | None:
        """Store the sender of a request; refuse a wrong token, and further attempts after many."""
        state = request.scope.setdefault("state", {})
        state["person"], state["failures"] = None, self.failures
        given = request.headers.get("authorization")
        if given is not None:
            address = address_of(request)
            kind, _, token = given.partition(" ")
            person = self.service.tokens.find(token.strip()) if kind.lower() == "bearer" else None
            if person is None:  # valid tokens from the same address need not wait
                if self.failures.too_many(address):
                    return Refusal(429, said("too many wrong tokens; try again in a minute"))
                self.failures.note(address)
                return Refusal(401, said("the token is not known, or has expired; ask for another"))
            state["person"] = person
            return None
        key = request.cookies.get(COOKIE, "")
        digest = self.service.sessions.digest_of(key)
        if digest is not None:
            found = self.service.tokens.of_digest(digest)
            state["person"] = found and replace(found, session=key)
        if state["person"] is None and self.service.loopback and not self.service.tokens.exist():
            state["person"] = OWNER
        return None


def foreign(request: Request, hosts: frozenset[str]) -> Refusal | None:
    """Return why a request seems to come from another site's page; None if it does not."""
    host = request.headers.get("host", "")
    name = _name_of(host)
    if name not in hosts:
        return Refusal(
            421,
            said(
                "this service does not answer under the name {name!r}; allow it with "
                "--allow-host when starting the service",
                name=name,
            ),
        )
    if request.method in SAFE:
        return None
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    place = host if origin is None else _place_of(origin)
    if place != host and _name_of(place) == name:
        return Refusal(
            403,
            said(
                "the page is at {place!r}, and the service was asked for as {host!r}, so nothing "
                "was done; a proxy has to pass on the name with its port (nginx: $http_host)",
                place=place,
                host=host,
            ),
        )
    if place != host:
        return Refusal(403, said("the request comes from another site's page, so nothing was done"))
    if site not in {None, "same-origin", "none"}:
        return Refusal(403, said("the request comes from another site's page, so nothing was done"))
    return None


def _name_of(place: str) -> str:
    """Return the host without its port; empty where there is none."""
    try:
        return urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return ""


def _place_of(origin: str) -> str:
    """Return the host and port of an origin; an empty string if it has none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def address_of(request: Request) -> str:
    """Return the IP address that a request comes from."""
    return request.client.host if request.client else "?"


def protect(headers: MutableHeaders) -> None:
    """Add the headers that restrict what a browser may do with a page."""
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")


def declared_length(request: Request) -> int:
    """Return the declared length of a body in bytes; 0 if it is missing or invalid."""
    length = Headers(scope=request.scope).get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _limited(request: Request, receive: Receive) -> Receive:
    """Return a `receive` that refuses a body which is too large or arrives too slowly."""
    most = LARGEST_INPUT if request.url.path.endswith("/predict") else LARGEST_BODY
    most = LARGEST_UPLOAD if request.url.path in {UPLOAD, API_DATA} else most
    declared, seen, whole = declared_length(request), 0, False
    until = time.monotonic() + SECONDS_FOR_A_BODY

    async def counted() -> Message:
        nonlocal seen, whole
        if whole:  # now it waits for the client to leave, which may take long
            return await receive()
        message = None
        with anyio.move_on_after(until + seen / SLOWEST - time.monotonic()):
            message = await receive()
        if message is None:
            raise BodyError(said("the body arrives too slowly; send it again"), 408)
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if max(seen, declared) > most:
            raise BodyError(said("the body is larger than {most} MiB", most=most // 2**20), 413)
        return message

    return counted
