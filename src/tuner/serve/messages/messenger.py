"""Sends messages to hooks: one thread finds due messages, and each hook has a thread of its own.

So a slow hook delays neither other hooks nor the search for new messages.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from tuner.serve.looking import Looking

if TYPE_CHECKING:
    from tuner.serve.messages.hooks import Hooks
    from tuner.serve.tables import Hook

SECONDS_BETWEEN_LOOKS = 2.0
MOST_AT_ONCE = 8  # hooks that are being sent to
log = logging.getLogger("tuner.serve")


class Messenger:
    """Looks every two seconds for what has ended, and sends messages about it."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._told: set[int] = set()
        self._looking = Looking("messenger", SECONDS_BETWEEN_LOOKS, self.look)

    @property
    def is_well(self) -> bool:
        """Whether it is running normally, or was not started."""
        return self._looking.is_well

    def start(self) -> None:
        """Start the thread."""
        self._looking.start()

    def close(self) -> None:
        """Stop; a message that is just being sent is sent again after the next start."""
        self._looking.end()

    def look(self) -> None:
        """Start sending to the hooks with due messages, except those that are being sent to."""
        for hook in self._hooks.due():
            if hook.id not in self._told and len(self._told) < MOST_AT_ONCE:
                self._told.add(hook.id)
                name = f"messages of hook {hook.id}"
                threading.Thread(target=self._tell, args=(hook,), name=name, daemon=True).start()

    def _tell(self, hook: Hook) -> None:
        try:
            self._hooks.deliver(hook)
        except Exception:  # the database may be unreachable for a moment; messages stay due
            log.exception("messages of hook %d were not sent; they are tried again", hook.id)
        finally:
            self._told.discard(hook.id)
