"""Waiting for other processes, as long as it takes on a machine ten times slower than others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SECONDS_TO_HANG = 600.0  # what takes longer has failed: nothing that a test waits for takes minutes


def wait_until(look: Callable[[], T], said: Callable[[], object] = str) -> T:
    """Look again and again; return the first answer that is true.

    Args:
        said: what is known of the matter, for whoever reads that it failed.
    """
    until = time.monotonic() + SECONDS_TO_HANG
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"nothing for {SECONDS_TO_HANG:g} s {said()}".rstrip())
        time.sleep(0.05)
    return found


def has_ended(pid: int) -> bool:
    """Whether a process is no more, or waits only to be asked how it ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
