"""Connections to the service: how many there may be, and how long one may keep it waiting.

A connection costs whoever opens it nothing, and the service a file descriptor. So who sends no
whole request, or does not read its answer, is dropped in time, and where there are too many, the
one that has waited longest makes room (as in nginx, for connections that it can use again).
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
    from types import FrameType

    from starlette.types import ASGIApp

SECONDS_FOR_A_HEAD = 15.0  # from the beginning of a connection, or from the answer before
SECONDS_FOR_MORE = 30.0  # of a body whose request is answered already
SECONDS_TO_READ = 60.0  # an answer, as long as none of it is read
MOST_CONNECTIONS = 1000
OPEN_FILES = 4096  # what the process asks the system for
SHARE_OF_FILES = 4  # one in so many is a connection: the rest are of the database, jobs, a burst
BACKLOG = 128  # connections that are taken at one go, before the oldest ones make room
SECONDS_BETWEEN_WARNINGS = 60.0
OUT_OF_FILES = "socket.accept() out of system resource"  # how asyncio begins it


class Connection(H11Protocol):
    """A connection that is dropped if the other side keeps it waiting."""

    _since: float = 0.0  # it waits for a request, or for more of one
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the other side still has to send a request, or the rest of one."""
        return self.conn.their_state in {h11.IDLE, h11.SEND_BODY}

    @property
    def rank(self) -> tuple[bool, float]:
        """Which of those that wait goes first: one without a head, and then the oldest."""
        return self.conn.their_state is h11.SEND_BODY, self._since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait; the one that has waited longest goes if there are too many."""
        most = self.limit_concurrency  # with so many, uvicorn itself answers with 503
        if most is not None and len(self.connections) + 1 >= most:
            self._make_room()
        super().connection_made(transport)
        self._since = time.monotonic()
        self._expect_more()

    def data_received(self, data: bytes) -> None:
        """Take what has come; the time for a head is not longer for it."""
        super().data_received(data)
        self._expect_more()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._since = time.monotonic()
        super().on_response_complete()
        self._expect_more()

    def pause_writing(self) -> None:
        """Begin to wait for the other side to read."""
        super().pause_writing()
        self._unread = self.loop.call_later(SECONDS_TO_READ, self.transport.abort)

    def resume_writing(self) -> None:
        """Do so no longer: it has read."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()

    def _expect_more(self) -> None:
        """Set the deadline for a head, unless it is set; while a request is served there is none.

        Who still sends a body that nobody reads may do so, piece by piece: only then do most
        programs read the answer, and it says why their file was refused.
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
        """Close, without waiting long for what the other side has not read yet."""
        self.transport.close()
        self._deadline = self.loop.call_later(SECONDS_TO_READ, self.transport.abort)

    def _make_room(self) -> None:
        ours = [one for one in self.connections if isinstance(one, Connection)]
        if waiting := [one for one in ours if one.is_waiting]:
            oldest = min(waiting, key=lambda one: one.rank)
            self.connections.discard(oldest)  # it counts until it is lost, and that takes a moment
            oldest.transport.abort()


class Server(uvicorn.Server):
    """A server that says at once that it is being ended, not only when all is answered.

    Args:
        ending: set then.
    """

    def __init__(self, config: uvicorn.Config, ending: threading.Event) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, at a signal."""
        self._ending.set()
        super().handle_exit(sig, frame)


class OnceAMinute(logging.Filter):
    """Lets one complaint of asyncio's a minute through that no file descriptor is left.

    It writes one, with a traceback, for each connection that it would like to take.
    """

    _last = -SECONDS_BETWEEN_WARNINGS

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        if not record.getMessage().startswith(OUT_OF_FILES):
            return True
        if record.created - self._last < SECONDS_BETWEEN_WARNINGS:
            return False
        self._last = record.created
        return True


def configuration(app: ASGIApp, most: int, **options: Any) -> uvicorn.Config:
    """Return how an application is served, with so many connections at most."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",  # nothing here speaks it, and another protocol would know no deadline
        limit_concurrency=most,
        backlog=BACKLOG,
        server_header=False,
        **options,
    )


def most_connections() -> int:
    """Ask the system for more open files, and return how many connections these are enough for."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource  # Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    wanted = OPEN_FILES if hard == endless else min(OPEN_FILES, hard)
    if soft != endless and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MOST_CONNECTIONS if soft == endless else min(MOST_CONNECTIONS, soft // SHARE_OF_FILES)
