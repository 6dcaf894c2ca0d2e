"""Finds files that a call may share with other calls that run at the same time.

A loop may store its best weights in `checkpoint.pt` in the current folder and read them again at
its end. It may then read those of another trial, and report a score that is not its own. PyTorch
and others write without Python noticing. So a file also counts if it is read and was written after
the calls began.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 20  # files that are reported for a call
WRITING = os.O_WRONLY | os.O_RDWR
CODE = (".py", ".pyc", ".so")


class SharedFiles:
    """Records which files this process opens. It cannot be stopped, so each call has its own.

    Args:
        folders: folders in which files count: those that any call of the loop would use.
        own: folders of this call alone.
        since: time at which the first call began, in seconds since 1970.
    """

    def __init__(self, folders: Iterable[Path], own: Iterable[Path], since: float) -> None:
        self._folders = {one.resolve() for one in folders}
        self._own = {one.resolve() for one in own}
        self._since = since
        self._found: dict[str, None] = {}
        sys.addaudithook(self._hear)

    def names(self) -> tuple[str, ...]:
        """Return the files opened so far, by their paths in their folder."""
        return tuple([*self._found][:MOST])

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not isinstance(arguments[0], int):
            with suppress(OSError, ValueError, TypeError):  # opening an invalid path reports it
                self._opened(*arguments)

    def _opened(self, name: Any, mode: str | None, flags: int) -> None:
        path = Path(os.fsdecode(name)).absolute()
        if path.suffix in CODE:
            return
        path = path.parent.resolve() / path.name
        inside = [one for one in self._folders if path.is_relative_to(one)]
        if not inside or any(path.is_relative_to(one) for one in self._own):
            return
        known = path.relative_to(max(inside, key=lambda one: len(one.parts)))
        if any(part.startswith(".") for part in known.parts):
            return  # hidden files are caches of libraries
        if _overwrites(mode, flags) or (path.is_file() and path.stat().st_mtime >= self._since):
            self._found[str(known)] = None


def _overwrites(mode: str | None, flags: int) -> bool:
    """Whether a file is opened to be overwritten; appending to a log harms nobody."""
    appends = flags & os.O_APPEND or "a" in (mode or "")
    return bool(flags & WRITING) and not appends
