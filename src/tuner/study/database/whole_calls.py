"""Optuna's storage of a database file, with calls that Ctrl-C cannot cut short."""

from __future__ import annotations

from functools import wraps
from inspect import isfunction
from typing import TYPE_CHECKING, Any, TypeVar

from optuna.storages import RDBStorage

from tuner.interrupts import held_back

if TYPE_CHECKING:
    from collections.abc import Callable

StorageT = TypeVar("StorageT", bound=RDBStorage)


def _whole(name: str) -> Callable[..., Any]:
    @wraps(getattr(RDBStorage, name))
    def call(self: WholeStorage, *arguments: Any, **options: Any) -> Any:
        with held_back():
            return getattr(super(WholeStorage, self), name)(*arguments, **options)

    return call


def _in_whole_calls(storage: type[StorageT]) -> type[StorageT]:
    for name, method in vars(RDBStorage).items():
        if isfunction(method) and not name.startswith("__"):
            setattr(storage, name, _whole(name))
    return storage


@_in_whole_calls
class WholeStorage(RDBStorage):
    """A storage that Ctrl-C never leaves inside a transaction.

    An interrupt between two statements can leave a session of SQLAlchemy open. Then the same
    process waits for its own lock, and the write-ahead log cannot be moved into the file. No call
    takes long except for the wait for a lock, and Ctrl-C can interrupt that wait.
    """
