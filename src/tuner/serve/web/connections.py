"""Limits the number of connections, and how long one may keep the service waiting.

Opening a connection costs a client nothing, but the service a file descriptor. So a client that
sends no whole request, or does not read its response, is disconnected after a time. If there are
too many connections, the one that has waited longest is closed (nginx does the same with idle
ones).
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp

SECONDS_FOR_A_HEAD = 15.0  # from the start of a connection, or from the previous response
SECONDS_FOR_MORE = 30.0  # of a body after the request was answered
SECONDS_TO_LINGER = 300.0  # while such a body is dropped, if the connection ends with it
SECONDS_TO_READ = 60.0  # a response, while nothing of it is read
MOST_CONNECTIONS = 1000
OPEN_FILES = 4096  # number to ask the system for
SHARE_OF_FILES = (
    4  # one in so many is a connection: the others are for the database, jobs and a reserve
)
BACKLOG = 128  # connections accepted at once, before the oldest are closed
SECONDS_BETWEEN_WARNINGS = 60.0
OUT_OF_FILES = "socket.accept() out of system resource"  # the beginning of asyncio's message


class Lingering:
    """A transport that first ends its own side if the client is still sending a body.

    Where data is unread, closing resets the connection, and the client never sees the response that
    says why its file was refused (RFC 9112, 9.6; nginx has `lingering_close` for it).

    Args:
        transport: what is closed in the end; everything else is asked of it.
        is_sending: whether the client is.
    """

    def __init__(self, transport: asyncio.Transport, is_sending: Callable[[], bool]) -> None:
        self.transport, self._is_sending = transport, is_sending
        self.is_lingering = False

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the transport."""
        return getattr(self.transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self.is_lingering or self.transport.is_closing()

    def close(self) -> None:
        """Close it, or only its own side; the second time it is closed."""
        if self.is_lingering or not self._is_sending() or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.is_lingering = True
        self.transport.write_eof()
        self.transport.resume_reading()


class Connection(H11Protocol):
    """A connection that is closed if the client keeps it waiting."""

    _ways: Lingering
    _since: float = 0.0  # start of the wait for a request, or for more of one
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the client still has to send a request, or the rest of one."""
        return self.conn.their_state in {h11.IDLE, h11.SEND_BODY}

    @property
    def rank(self) -> tuple[bool, float]:
        """Order in which waiting connections are closed: without a head first, then by age."""
        return self.conn.their_state is h11.SEND_BODY, self._since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting; if there are too many connections, close the longest-waiting one."""
        most = self.limit_concurrency  # at this number, uvicorn itself answers with 503
        if most is not None and len(self.connections) + 1 >= most:
            self._make_room()
        self._ways = Lingering(transport, lambda: self.conn.their_state is h11.SEND_BODY)
        super().connection_made(self._ways)  # type: ignore[arg-type]
        self._since = time.monotonic()
        self._expect_more()

    def data_received(self, data: bytes) -> None:
        """Receive data, without extending the time for a head; drop a body that nobody reads."""
        if not self._ways.is_lingering:
            super().data_received(data)
        elif time.monotonic() - self._since > SECONDS_TO_LINGER:
            self._ways.transport.abort()
        self._expect_more()

    def on_response_complete(self) -> None:
        """Start waiting for the next request."""
        self._since = time.monotonic()
        super().on_response_complete()
        self._expect_more()

    def pause_writing(self) -> None:
        """Start waiting for the client to read."""
        super().pause_writing()
        self._unread = self.loop.call_later(SECONDS_TO_READ, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting: the client has read."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def shutdown(self) -> None:
        """End the connection with the server; one that has its response need not linger."""
        super().shutdown()
        if self._ways.is_lingering:
            self._ways.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all waiting."""
        super().connection_lost(exc)
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()

    def _expect_more(self) -> None:
        """Set the deadline for a head, unless it is set; while a request is handled there is none.

        A client may continue to send a body that is not read: most programs read the response only
        afterwards, and it says why their file was refused.
        """
        is_served = self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        is_rest = self.conn.their_state is h11.SEND_BODY
        if self._deadline is not None and (is_served or is_rest):
            self._deadline.cancel()
            self._deadline = None
        if self._deadline is None and not is_served:
            seconds = SECONDS_FOR_MORE if is_rest else SECONDS_FOR_A_HEAD
            self._deadline = self.loop.call_later(seconds, self._drop)

    def _drop(self) -> None:
        """Close the connection, waiting only briefly for data that the client has not read yet."""
        self._ways.transport.close()
        self._deadline = self.loop.call_later(SECONDS_TO_READ, self.transport.abort)

    def _make_room(self) -> None:
        ours = [one for one in self.connections if isinstance(one, Connection)]
        if waiting := [one for one in ours if one.is_waiting]:
            oldest = min(waiting, key=lambda one: one.rank)
            self.connections.discard(oldest)  # it counts until it is lost, which takes a moment
            oldest.transport.abort()


class Server(uvicorn.Server):
    """A server that signals its end at once, and not only after all responses.

    Args:
        ending: is set at that moment.
        hurry: is called by each further signal.
    """

    def __init__(
        self, config: uvicorn.Config, ending: threading.Event, hurry: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ending, self._hurry = ending, hurry

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, after a signal."""
        if self._ending.is_set():
            self._hurry()
        self._ending.set()
        super().handle_exit(sig, frame)


class OnceAMinute(logging.Filter):
    """Lets through at most one message per minute that no file descriptor is left.

    asyncio writes one, with a traceback, for each connection that it cannot accept.
    """

    _last = -SECONDS_BETWEEN_WARNINGS

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write a line."""
        if not record.getMessage().startswith(OUT_OF_FILES):
            return True
        if record.created - self._last < SECONDS_BETWEEN_WARNINGS:
            return False
        self._last = record.created
        return True


def configuration(app: ASGIApp, most: int, **options: Any) -> uvicorn.Config:
    """Return the configuration of an application with at most `most` connections."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",  # websockets are not used, and their protocol would have no deadlines
        limit_concurrency=most,
        backlog=BACKLOG,
        server_header=False,
        **options,
    )


def most_connections() -> int:
    """Ask the system for more open files; return how many connections they are enough for."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource  # does not exist on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    wanted = OPEN_FILES if hard == endless else min(OPEN_FILES, hard)
    if soft != endless and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MOST_CONNECTIONS if soft == endless else min(MOST_CONNECTIONS, soft // SHARE_OF_FILES)
