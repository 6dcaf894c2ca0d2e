"""Sends the messages of hooks, in threads of its own: one looks for them, and one tells each hook.

So a hook that answers slowly keeps neither others from being told nor what ends from being found.
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
MOST_AT_ONCE = 8  # hooks that are told
log = logging.getLogger("tuner.serve")


class Messenger:
    """Looks every other second for what has ended."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._told: set[int] = set()
        self._looking = Looking("messenger", SECONDS_BETWEEN_LOOKS, self.look)

    @property
    def is_well(self) -> bool:
        """Whether it is at work, or was not begun."""
        return self._looking.is_well

    def start(self) -> None:
        """Begin."""
        self._looking.start()

    def close(self) -> None:
        """Stop; a message that is being sent then is sent again at the next start."""
        self._looking.end()

    def look(self) -> None:
        """Begin to tell the hooks whose messages are due, unless they are being told already."""
        for hook in self._hooks.due():
            if hook.id not in self._told and len(self._told) < MOST_AT_ONCE:
                self._told.add(hook.id)
                name = f"messages of hook {hook.id}"
                threading.Thread(target=self._tell, args=(hook,), name=name, daemon=True).start()

    def _tell(self, hook: Hook) -> None:
        try:
            self._hooks.deliver(hook)
        except Exception:  # the database is away for a moment; messages are due again later
            log.exception("messages of hook %d were not sent; they are tried again", hook.id)
        finally:
            self._told.discard(hook.id)
