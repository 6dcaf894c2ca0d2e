"""Prints a line every half minute if nothing else is printed, to show that work continues."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 30.0
SECONDS_BETWEEN_LOOKS = 1.0


class Heartbeat:
    """Prints something if nothing was printed for a while.

    Args:
        say: prints a line.
        words: returns the line to print; None to print nothing now.
        clock: seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        words: Callable[[float], str | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._words, self._clock = say, words, clock
        self._last = clock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Print nothing more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def spoke(self) -> None:
        """Record that something was printed."""
        self._last = self._clock()

    def look(self) -> None:
        """Print the line, if it is time."""
        now = self._clock()
        if now - self._last >= SECONDS:
            self._last = now
            words = self._words(now)
            if words is not None:
                self._say(words)

    def _watch(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            self.look()
