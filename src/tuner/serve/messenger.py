"""Sends the messages of hooks, in a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.serve.looking import Looking

if TYPE_CHECKING:
    from tuner.serve.hooks import Hooks

SECONDS_BETWEEN_LOOKS = 2.0


class Messenger:
    """Looks every other second for what has ended."""

    def __init__(self, hooks: Hooks) -> None:
        self._looking = Looking("messenger", SECONDS_BETWEEN_LOOKS, hooks.look)

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
