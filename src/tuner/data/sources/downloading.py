"""Wraps torchvision's downloads: no progress bar on a pipe, and a short wait without a network."""

from __future__ import annotations

import io
import socket
import sys
from contextlib import contextmanager, nullcontext, redirect_stderr
from http.client import HTTPException
from threading import Thread
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 15.0  # seconds for a server's first answer, including the look-up of its name
STALL = 30.0  # seconds without a byte, after which a transfer fails


@contextmanager
def network(url: str) -> Iterator[None]:
    """Allow downloads in this context after checking that `url`'s server answers.

    A progress bar is shown if standard error is a terminal. Transfers that stall fail.

    Raises:
        URLError: the server does not answer within PATIENCE seconds, or cannot be reached.
    """
    _require(url)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL)  # torchvision sets no timeout, and has no option for one
    try:
        with nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _require(url: str) -> None:
    """Wait for an answer in a thread, because nothing else limits the look-up of a name."""
    errors: list[Exception] = [URLError(f"no answer from {url} within {PATIENCE:g} s")]

    def ask() -> None:
        try:
            # The URL is a constant of a source, so it is safe to open.
            with urlopen(Request(url, method="HEAD"), timeout=PATIENCE):  # noqa: S310
                errors.clear()
        except HTTPError as answer:
            answer.close()
            errors.clear()  # the server answers, so let torchvision try
        except (OSError, HTTPException) as error:
            errors[0] = error

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    for error in tuple(errors):
        raise error
