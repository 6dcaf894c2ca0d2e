"""HTTP as the client speaks it: JSON, long lists, problem documents, resumed events."""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from tuner.errors import ServiceError, UsageError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from http.client import HTTPResponse

ROWS = 200  # that one answer of a long list brings
SECONDS = 60.0  # without a byte; a stream of events has one every 15 seconds
MOST_ATTEMPTS = 6  # to reach a service again that was watched
LONGEST_PAUSE = 15.0  # seconds between two of them
JSON, BYTES = "application/json", "application/octet-stream"


class _NoRedirects(HTTPRedirectHandler):
    """The service redirects no program; a token must not follow to wherever another host says."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse: the answer is then an error with its status."""


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event.

    Attributes:
        id: with which a later request continues after it.
    """

    id: str
    data: Any


@dataclass(frozen=True, slots=True)
class Transport:
    """Requests to one service.

    Attributes:
        top: its address, like https://tuner.example.org.
    """

    top: str
    token: str | None = field(default=None, repr=False)
    timeout: float = SECONDS
    _opener: OpenerDirector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the address.

        Raises:
            UsageError: it is not one.
        """
        parts = urlsplit(self.top)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise UsageError(
                f"got the address {self.top.rpartition('@')[2]!r}; write it like "
                "http://127.0.0.1:8080, and give a token by itself"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise UsageError("the token has a character that no token has; copy it again")
        proxies = [ProxyHandler({})] if _is_this_machine(parts.hostname) else []
        object.__setattr__(self, "top", self.top.rstrip("/"))
        object.__setattr__(self, "_opener", build_opener(_NoRedirects, *proxies))

    def get(self, *parts: str, **query: str | Sequence[str]) -> Any:
        """Return the JSON at a path.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        return json.loads(self.bytes_of(*parts, **query))

    def rows(self, what: str, asked: Mapping[str, str]) -> Iterator[Any]:
        """Yield the rows of a long list; the service is asked for a part when it is needed.

        Raises:
            ServiceError: as `get` does.
        """
        query, cursor = {**asked, "limit": str(ROWS)}, None
        while True:
            found = self.get(what, **query, **({} if cursor is None else {"cursor": cursor}))
            yield from found[what]
            cursor = found["next"]
            if cursor is None:
                return

    def bytes_of(self, *parts: str, **query: str | Sequence[str]) -> bytes:
        """Return the bytes at a path.

        Raises:
            ServiceError: as `get` does.
        """
        with self._open(self._request(parts, query)) as answer:
            return self._read(answer)

    def post(
        self,
        *parts: str,
        body: Mapping[str, Any] | bytes,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send JSON, or bytes as they are; return the JSON that comes back.

        Raises:
            ServiceError: as `get` does.
        """
        raw = isinstance(body, bytes)
        request = self._request(parts, {})
        request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.add_header("Content-Type", BYTES if raw else JSON)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        with self._open(request) as answer:
            return json.loads(self._read(answer))

    def send(self, file: BinaryIO, size: int, *parts: str, **query: str) -> Any:
        """Send a file as it is, piece by piece; return the JSON that comes back.

        Raises:
            ServiceError: as `get` does.
        """
        request = self._request(parts, query)
        request.data = file
        request.add_header("Content-Type", BYTES)
        request.add_header("Content-Length", str(size))
        with self._open(request) as answer:
            return json.loads(self._read(answer))

    def events(self, *parts: str, last: str | None = None) -> Iterator[Event]:
        """Yield events as they come; after a break, those that were missed, without an end.

        Raises:
            ServiceError: the service refuses, or cannot be reached again.
        """
        failed = 0
        while True:
            request = self._request(parts, {})
            if last is not None:
                request.add_header("Last-Event-ID", last)
            try:
                with self._open(request) as answer:
                    for event in _events(answer):
                        failed, last = 0, event.id
                        yield event
            except ServiceError as error:
                if error.status is not None or failed >= MOST_ATTEMPTS:
                    raise
            except (OSError, http.client.HTTPException):
                if failed >= MOST_ATTEMPTS:
                    raise ServiceError(f"the service at {self.top} has gone") from None
            time.sleep(min(LONGEST_PAUSE, 2.0**failed / 2))
            failed += 1

    def _request(self, parts: tuple[str, ...], query: Mapping[str, str | Sequence[str]]) -> Request:
        path = "/".join(quote(part, safe="") for part in parts)
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        request = Request(f"{self.top}/api/v1/{path}{asked}")  # noqa: S310 - http or https, above
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        return request

    def _open(self, request: Request) -> HTTPResponse:
        try:
            answer: HTTPResponse = self._opener.open(request, timeout=self.timeout)
        except HTTPError as error:
            with error:
                raise ServiceError(_reason(error, self.top), error.code) from None
        except (OSError, http.client.HTTPException) as error:
            why = error.reason if isinstance(error, URLError) else error
            said = first_line(why) if isinstance(why, BaseException) else str(why)
            raise ServiceError(
                f"the service at {self.top} cannot be reached: {said}. Is it running? Start it "
                "with: tuner serve"
            ) from None
        return answer

    def _read(self, answer: HTTPResponse) -> bytes:
        try:
            return answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(
                f"the answer of the service at {self.top} broke off: {first_line(error)}"
            ) from None


def _events(answer: HTTPResponse) -> Iterator[Event]:
    """Read a stream (HTML Living Standard, 9.2) as the service writes it: one line of data each."""
    mark, data = "", ""
    for raw in answer:
        line = raw.decode().rstrip("\n")
        if line.startswith("id: "):
            mark = line.removeprefix("id: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and data:
            yield Event(mark, json.loads(data))
            data = ""


def _reason(error: HTTPError, top: str) -> str:
    """Return what a problem document says, or what there is in place of one."""
    try:
        found = json.loads(error.read())
        return str(found["detail"])
    except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException):
        return f"{top} answered {error.code} {error.reason}, and not as a service of tuner's does"


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
