"""Sends the messages of hooks, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from tuner.errors import TunerError

if TYPE_CHECKING:
    from tuner.serve.hooks import Hooks

SECONDS_BETWEEN_LOOKS = 2.0
log = logging.getLogger("tuner.serve")


class Messenger:
    """Looks every other second for what has ended."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="messenger", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop; a message that is being sent then is sent again at the next start."""
        self._over.set()

    @property
    def is_well(self) -> bool:
        """Whether its thread runs, or was not begun."""
        return self._thread.ident is None or self._thread.is_alive()

    def _run(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            try:
                self._hooks.look()
            except TunerError as error:  # the database is away for a moment
                log.warning("%s", error)
            except Exception:  # whatever it is: without this thread nobody is told any more
                log.exception("the messenger met an error that it did not expect, and continues")
