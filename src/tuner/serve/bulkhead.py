"""Limits slow work to one at a time, so that it cannot use up what all requests share.

A waiting request holds one of the 40 threads that every request needs, so only a few may wait (a
bulkhead, as in a ship; Nygard, "Release It!").
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tuner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_WAITING = 3
SECONDS_TO_WAIT = 30


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """Lets one thread in, and a few wait for it.

    Attributes:
        refusal: message for the others, who are refused at once.
    """

    refusal: str
    _places: threading.Semaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(1 + MOST_WAITING)
    )
    _one: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for earlier ones, then be the only one inside this context.

        Raises:
            UsageError: too many wait, or the one inside takes too long.
        """
        if not self._places.acquire(blocking=False):
            raise UsageError(self.refusal)
        try:
            if not self._one.acquire(timeout=SECONDS_TO_WAIT):
                raise UsageError(self.refusal)
            try:
                yield
            finally:
                self._one.release()
        finally:
            self._places.release()
