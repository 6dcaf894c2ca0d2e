"""The running loop's access to tuner: its seed, and a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Call:
    """The call of a loop that runs in this process."""

    seed: int
    folder: Path


_running: list[Call] = []  # at most one: a process runs one call


def begin(call: Call) -> None:
    """Record the call that this process runs from now on."""
    _running[:] = [call]


def seed() -> int:
    """Return the seed of the trial that runs now: an int from 0 to 2**32 - 1.

    Python's, NumPy's and torch's generators are seeded with it before a loop is called. Use it for
    every other generator, such as a `DataLoader`'s or scikit-learn's `random_state`.

    >>> from tuner import TunerError
    >>> try:
    ...     generator = seed()
    ... except TunerError:  # the file was run directly
    ...     generator = 0
    >>> generator
    0

    Raises:
        UsageError: no loop is running: the file was run directly.
    """
    return _current("seed").seed


def folder() -> Path:
    """Return the trial's own folder, for checkpoints and other files; it exists already.

    It is removed after a trial. `tuner retrain` keeps it.

    >>> from tuner import TunerError
    >>> try:
    ...     folder()
    ... except TunerError as error:
    ...     print(error)
    tuner.folder() needs a running trial, and none is running here; ...

    Raises:
        UsageError: no loop is running: the file was run directly.
    """
    return _current("folder").folder


def _current(name: str) -> Call:
    if not _running:
        raise UsageError(
            f"tuner.{name}() needs a running trial, and none is running here; start the loop "
            "with `tuner study FILE.py:FUNCTION`"
        )
    return _running[0]
