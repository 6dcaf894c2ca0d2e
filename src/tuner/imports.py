"""Starts other Pythons so that they import from the same folders as this one.

With -c, as multiprocessing starts it, and with -m, Python looks into the working folder first. If
that has a file such as random.py or queue.py, it would be imported instead of Python's own.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SAFE = "PYTHONSAFEPATH"  # Python's own variable: any text keeps the working folder out
OURS = "as in the process that started this one"


def same_folders() -> list[str]:
    """Return the option with which `python -m` imports from the same folders as this process."""
    return [] if _from_the_working_folder() else ["-P"]


@contextmanager
def into_the_same_folders() -> Iterator[None]:
    """Start processes of multiprocessing in this context: they import from the same folders."""
    if SAFE in os.environ or _from_the_working_folder():
        yield
        return
    os.environ[SAFE] = OURS
    try:
        yield
    finally:
        os.environ.pop(SAFE, None)


def _from_the_working_folder() -> bool:
    """Whether this process imports from the working folder itself, as `python -m tuner` does."""
    try:
        here = Path.cwd()
        return any(Path(one).absolute() == here for one in sys.path)
    except FileNotFoundError:  # the folder was deleted
        return False


def forget() -> None:
    """Forget how this process was started: what a training starts imports as it always does."""
    if os.environ.get(SAFE) == OURS:
        del os.environ[SAFE]
