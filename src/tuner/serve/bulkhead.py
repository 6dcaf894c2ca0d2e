"""Slow work that is done one after the other, and may not use up what all requests share.

Whoever waits holds one of the 40 threads that every request needs, so only a few may (the bulkhead
of a ship; Nygard, "Release It!").
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
    """Lets one in, and a few wait for it.

    Attributes:
        refusal: what the others are told, at once.
    """

    refusal: str
    _places: threading.Semaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(1 + MOST_WAITING)
    )
    _one: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for those before, and be the only one inside.

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
