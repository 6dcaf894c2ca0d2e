"""The client's HTTP: JSON, long lists, problem documents, event streams that resume."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from tuner.client.reading import A, another, read
from tuner.errors import ServiceError, UsageError, first_line
from tuner.machine import is_this_machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from http.client import HTTPResponse

ROWS = 200  # in one part of a long list
SECONDS = 60.0  # without a byte; a stream of events has one every 15 seconds
MOST_ATTEMPTS = 6  # to reconnect while watching
LONGEST_PAUSE = 15.0  # seconds between attempts
JSON, BYTES = "application/json", "application/octet-stream"
EVENTS = "text/event-stream"
AWAY = "the service behind this address does not answer now; is it running?"
OF_A_PROXY = {  # which answers in its own words, or the server before the application
    413: "a proxy in front of the service lets through no file of this size; raise its limit (in "
    "nginx: client_max_body_size)",
    **dict.fromkeys((502, 503, 504), AWAY),
}


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: the service sends none, and a token must not be sent to another host."""

    def redirect_request(self, *_: Any) -> None:
        """Return None: the redirect becomes an error with its status."""


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event.

    Attributes:
        id: a later request can continue after it.
        data: JSON.
    """

    id: str
    data: str


@dataclass(frozen=True, slots=True)
class Transport:
    """Requests to one service.

    Attributes:
        top: its address, such as https://tuner.example.org.
    """

    top: str
    token: str | None = field(default=None, repr=False)
    timeout: float = SECONDS
    _opener: OpenerDirector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the address.

        Raises:
            UsageError: it is invalid.
        """
        parts = urlsplit(self.top)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise UsageError(
                f"got the address {self.top.rpartition('@')[2]!r}; write it like "
                "http://127.0.0.1:8080, and give a token by itself"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise UsageError("the token has a character that tokens cannot have; copy it again")
        proxies = [ProxyHandler({})] if is_this_machine(parts.hostname) else []
        object.__setattr__(self, "top", self.top.rstrip("/"))
        object.__setattr__(self, "_opener", build_opener(_NoRedirects, *proxies))

    def get(self, shape: type[A], *parts: str, **query: str | Sequence[str]) -> A:
        """Return the JSON at a path.

        Raises:
            ServiceError: the service refuses, cannot be reached, or is something else.
        """
        with self._open(self._request(parts, query), JSON) as answer:
            return self._read_json(shape, answer)

    def rows(self, shape: type[A], what: str, asked: Mapping[str, str]) -> Iterator[Any]:
        """Yield the rows of a long list, requesting each part when it is needed.

        Raises:
            ServiceError: as in `get`.
        """
        query = {**asked, "limit": str(ROWS)}
        while True:
            found = self.get(shape, what, **query)
            yield from found[what]
            if found["next"] is None:
                return
            query["cursor"] = str(found["next"])

    def bytes_of(self, kind: str, *parts: str) -> bytes:
        """Return the bytes at a path.

        Args:
            kind: media type that the answer must have.

        Raises:
            ServiceError: as in `get`.
        """
        with self._open(self._request(parts, {}), kind) as answer:
            return self._read(answer)

    def text_of(self, kind: str, *parts: str) -> str:
        """Return the text at a path, like `bytes_of`."""
        with self._open(self._request(parts, {}), kind) as answer:
            try:
                return self._read(answer).decode()
            except UnicodeDecodeError:
                raise another(self.top, "bytes that are no text", answer.status) from None

    def post(
        self,
        shape: type[A],
        *parts: str,
        body: Mapping[str, Any] | bytes,
        headers: Mapping[str, str] | None = None,
    ) -> A:
        """Send JSON, or bytes unchanged; return the JSON of the answer.

        Raises:
            ServiceError: as in `get`.
        """
        raw = isinstance(body, bytes)
        request = self._request(parts, {})
        request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.add_header("Content-Type", BYTES if raw else JSON)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        with self._open(request, JSON) as answer:
            return self._read_json(shape, answer)

    def send(self, shape: type[A], file: BinaryIO, size: int, *parts: str, **query: str) -> A:
        """Upload a file in pieces; return the JSON of the answer.

        Raises:
            ServiceError: as in `get`.
        """
        request = self._request(parts, query)
        request.data = file
        request.add_header("Content-Type", BYTES)
        request.add_header("Content-Length", str(size))
        with self._open(request, JSON) as answer:
            return self._read_json(shape, answer)

    def events(self, shape: type[A], *parts: str, last: str | None = None) -> Iterator[A]:
        """Yield the data of events as they come, without end; after a break also the missed ones.

        Raises:
            ServiceError: the service refuses, cannot be reached again, or is something else.
        """
        failed = 0  # attempts in a row: streams that broke off or ended without a sign of life
        while True:
            request = self._request(parts, {})
            if last is not None:
                request.add_header("Last-Event-ID", last)
            try:
                with (
                    suppress(OSError, http.client.HTTPException),
                    self._open(request, EVENTS) as answer,
                ):
                    for event in _events(answer):
                        failed = 0
                        if event is not None:
                            last = event.id
                            yield read(shape, event.data, self.top, answer.status)
            except ServiceError as error:
                if error.status is not None or failed >= MOST_ATTEMPTS:
                    raise
            if failed >= MOST_ATTEMPTS:
                raise ServiceError(
                    f"the service at {self.top} has gone: its stream of events has ended "
                    f"{failed + 1} times in a row"
                )
            time.sleep(min(LONGEST_PAUSE, 2.0**failed / 2))
            failed += 1

    def _request(self, parts: tuple[str, ...], query: Mapping[str, str | Sequence[str]]) -> Request:
        path = "/".join(quote(part, safe="") for part in parts)
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        request = Request(f"{self.top}/api/v1/{path}{asked}")  # noqa: S310 - http or https, above
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        return request

    def _open(self, request: Request, kind: str) -> HTTPResponse:
        """Return a response after checking its media type."""
        try:
            answer: HTTPResponse = self._opener.open(request, timeout=self.timeout)
        except HTTPError as error:
            with error:
                raise _refusal(error, self.top) from None
        except (OSError, http.client.HTTPException) as error:
            why = error.reason if isinstance(error, URLError) else error
            said = first_line(why) if isinstance(why, BaseException) else str(why)
            raise ServiceError(
                f"the service at {self.top} cannot be reached: {said}. Is it running? Start it "
                "with: tuner serve"
            ) from None
        if (found := answer.headers.get_content_type()) != kind:
            with answer:
                raise another(self.top, found, answer.status)
        return answer

    def _read_json(self, shape: type[A], answer: HTTPResponse) -> A:
        return read(shape, self._read(answer), self.top, answer.status)

    def _read(self, answer: HTTPResponse) -> bytes:
        try:
            return answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(
                f"the answer of the service at {self.top} broke off: {first_line(error)}"
            ) from None


def _events(answer: HTTPResponse) -> Iterator[Event | None]:
    """Read a stream (HTML Living Standard, 9.2) in the service's format: one line of data each.

    Anything that is not an event is yielded as None, as a sign of life.
    """
    mark, data = "", ""
    for raw in answer:
        line = raw.decode(errors="replace").rstrip("\n")
        if line.startswith("id: "):
            mark = line.removeprefix("id: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and data:
            yield Event(mark, data)
            data = ""
        elif line.startswith(":"):
            yield None


def _refusal(error: HTTPError, top: str) -> ServiceError:
    """Return the error of a problem document, or of the response that came instead."""
    try:
        return ServiceError(str(json.loads(error.read())["detail"]), error.code)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, http.client.HTTPException):
        if said := OF_A_PROXY.get(error.code):
            return ServiceError(f"{top} answered {error.code} {error.reason}: {said}", error.code)
        return another(top, f"{error.code} {error.reason}", error.code)
