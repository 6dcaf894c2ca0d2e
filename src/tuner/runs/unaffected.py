"""Restores the state of the process after a call of the library."""

from __future__ import annotations

import warnings
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import optuna
import torch

from tuner.runs.quiet import quieten_optuna
from tuner.training.randomness import put_back

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Calls:
    """The running calls of this process; threads may make several at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way = 0
        self._put_back = ExitStack()

    def begin(self) -> None:
        with self._lock:
            if self._under_way == 0:
                self._put_back.enter_context(_process_as_it_is())
            self._under_way += 1

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1
            if self._under_way == 0:
                self._put_back.close()


_calls = _Calls()


@contextmanager
def unaffected() -> Iterator[None]:
    """Restore torch's threads, all random generators, Optuna's logging and the warnings.

    During the call, Optuna reports only errors, as in a command. If several threads call at once,
    the last call to end restores the state that the first one found: otherwise each would take
    another call's settings for the caller's.
    """
    _calls.begin()
    try:
        yield
    finally:
        _calls.end()


@contextmanager
def _process_as_it_is() -> Iterator[None]:
    threads, verbosity = torch.get_num_threads(), optuna.logging.get_verbosity()
    with put_back(), warnings.catch_warnings():
        quieten_optuna()
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            optuna.logging.set_verbosity(verbosity)
