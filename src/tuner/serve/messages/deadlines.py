"""A deadline for a whole exchange over a socket: a socket's own timeout is for each step of it."""

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
    """Shut a connection down that is not done in time, however steadily a byte at a time comes.

    Args:
        opened: the socket as it is now; None: there is none yet, or none any more.

    Raises:
        TimeoutError: it was not done in time.
    """
    over, late = threading.Event(), threading.Event()

    def watch() -> None:
        if over.wait(seconds):
            return
        late.set()
        while True:  # the socket may change meanwhile: it connects, or goes over to TLS
            found = opened()
            if found is not None:
                with suppress(OSError):  # it is closed already
                    # that of TLS would also take its state away, from under a thread that reads
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
    if late.is_set():  # what reads to the end takes the cut for the end
        raise _too_late(seconds)


def _too_late(seconds: float) -> TimeoutError:
    return TimeoutError(f"there was no whole answer within {seconds:g} s")
