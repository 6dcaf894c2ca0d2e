"""A thread that checks regularly for due work, and survives errors in a check."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from tuner.errors import TunerError

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS_FOR_A_LOOK = 120.0  # a check that takes longer hangs
log = logging.getLogger("tuner.serve")


class Looking:
    """Calls `look` at regular intervals, in a thread of its own.

    Args:
        name: of the thread, also in the log.
    """

    def __init__(self, name: str, seconds: float, look: Callable[[], None]) -> None:
        self._name, self._seconds, self._look = name, seconds, look
        self._over = threading.Event()
        self._begun: float | None = None  # start of the current look
        self._told = ""  # the error of the last look, if any
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_well(self) -> bool:
        """Whether its thread runs and its looks end; also true before it is started."""
        begun = self._begun
        hangs = begun is not None and time.monotonic() - begun > SECONDS_FOR_A_LOOK
        return self._thread.ident is None or (self._thread.is_alive() and not hangs)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Start no further look; the current one continues."""
        self._over.set()

    def wait(self) -> None:
        """Wait for the end of the current look, if there is one."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._begun = time.monotonic()
            told, self._told = self._told, ""
            try:
                self._look()
            except TunerError as error:  # for example, the database is away for a moment
                self._told = str(error)
                if self._told != told:  # log it once, not at every look
                    log.warning("%s", error)
            except Exception:  # an error must not end this thread
                log.exception(
                    "the %s met an error that it did not expect, and continues", self._name
                )
            self._begun = None
