"""Waiting for other processes, with enough time for a machine ten times slower than usual."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SECONDS_TO_HANG = 600.0  # a longer wait has failed: tests wait for no minutes


def wait_until(look: Callable[[], T], said: Callable[[], object] = str) -> T:
    """Call a function again and again; return its first true result.

    Args:
        said: returns details for the error message.
    """
    until = time.monotonic() + SECONDS_TO_HANG
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"nothing for {SECONDS_TO_HANG:g} s {said()}".rstrip())
        time.sleep(0.05)
    return found


def has_ended(pid: int) -> bool:
    """Whether a process does not exist, or is a zombie."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
