"""A deadline for a whole exchange over a socket; a socket's own timeout is only for each step."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_CUTS = 0.1


@contextmanager
def cut_off(seconds: float, opened: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut down a connection that is not done in time, even if bytes keep coming slowly.

    Args:
        opened: returns the present socket; None if there is none yet, or no longer.

    Raises:
        TimeoutError: the exchange was not done in time.
    """
    over, late = threading.Event(), threading.Event()

    def watch() -> None:
        if over.wait(seconds):
            return
        late.set()
        while True:  # the socket may change: it connects, or switches to TLS
            found = opened()
            if found is not None:
                with suppress(OSError):  # it is already closed
                    # `shutdown` of a TLS socket would also remove its state while another thread
                    # reads.
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
            if over.wait(SECONDS_BETWEEN_CUTS):
                return

    threading.Thread(target=watch, name="deadline", daemon=True).start()
    try:
        yield
    except Exception as error:
        if late.is_set():
            raise _too_late(seconds) from error
        raise
    finally:
        over.set()
    if late.is_set():  # a reader takes the shutdown for the end of the data
        raise _too_late(seconds)


def _too_late(seconds: float) -> TimeoutError:
    return TimeoutError(f"there was no whole answer within {seconds:g} s")
