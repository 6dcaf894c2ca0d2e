"""Ctrl-C, where a moment must not be cut in two."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of this; nothing slow belongs inside."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    came = list[int]()
    before = {
        number: signal.signal(number, lambda sent, _frame: came.append(sent))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for sent in came:
            signal.raise_signal(sent)
