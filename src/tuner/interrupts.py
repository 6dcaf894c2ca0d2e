"""Handles Ctrl-C where it must not interrupt, and where Python would lose it."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sys import UnraisableHookArgs

SECONDS_UNTIL_IT_COMES_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class _Held:
    """The signals that are held back now.

    Attributes:
        came: the signals that came meanwhile.
        before: the original handler of each signal.
    """

    came: list[int] = field(default_factory=list)
    before: dict[int, Any] = field(default_factory=dict)


_held: list[_Held] = []  # of the main thread: at most one


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the end of this context, or until `let_in` is called."""
    if threading.current_thread() is not threading.main_thread() or _held:
        yield  # only the main thread gets signals, and they need to be held back only once
        return
    held = _Held()
    for number in (signal.SIGINT, signal.SIGTERM):
        held.before[number] = signal.signal(number, lambda sent, _frame: held.came.append(sent))
    _held.append(held)
    try:
        yield
    finally:
        _held.clear()
        for held_signal, handler in held.before.items():
            signal.signal(held_signal, handler)
        for sent in held.came:
            signal.raise_signal(sent)


def let_in() -> None:
    """Deliver a signal that `held_back` holds back; call this where nothing is half done."""
    if threading.current_thread() is not threading.main_thread():
        return
    for held in _held:
        while held.came:
            sent = held.came.pop()
            holding = signal.signal(sent, held.before[sent])
            try:
                signal.raise_signal(sent)
            finally:
                signal.signal(sent, holding)


def come_again(dropped: UnraisableHookArgs) -> None:
    """Raise Ctrl-C again if Python drops it; for `sys.unraisablehook`.

    An exception in a destructor, or when a weak reference ends, is dropped. In the first second of
    a command, during its imports, Ctrl-C often comes at such a moment.
    """
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
        return
    # From another thread, a moment later: raised here, it would be dropped again.
    main = threading.main_thread().ident
    timer = threading.Timer(
        SECONDS_UNTIL_IT_COMES_AGAIN, signal.pthread_kill, (main, signal.SIGINT)
    )
    timer.daemon = True
    timer.start()
