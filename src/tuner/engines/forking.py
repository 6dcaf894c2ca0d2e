"""Worker processes are forked from a server that has imported torch: one import, not one a worker.

The server does nothing but import and fork: it never computes, so no thread of torch's is lost by
the fork. A command starts it before its own imports, and both go on side by side. Elsewhere than on
Linux, libraries of the system do not survive a fork, and each worker imports for itself.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, forkserver, resource_tracker
from types import ModuleType
from typing import TYPE_CHECKING

from tuner.errors import EngineError
from tuner.interrupts import held_back
from tuner.unpromised import OPTIMIZING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from concurrent.futures import Executor
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Semaphore

FORKSERVER = multiprocessing.get_context("forkserver")
CAN_FORK = platform.system() == "Linux"
IMPORTED = [OPTIMIZING, "tuner.engines.processes", "tuner.engines.loops"]


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Have processes started here never be told of Ctrl-C, which is the coordinator's to handle.

    Here it waits for the end of this: a process whose start was cut in two runs, and nobody knows
    of it. The mask does not see to that, as the system may tell another thread.
    """
    with held_back():
        resource_tracker.ensure_running()  # starting it later would lift the mask
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def starting() -> Iterator[None]:
    """Have processes started here hear no Ctrl-C, and leave the program that was started alone.

    Python would run that program's file again in each of them, as far as no
    `if __name__ == "__main__"` keeps it from that. Nothing of it is used there.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with without_interrupts():
            yield
    finally:
        sys.modules["__main__"] = main


def start_importing() -> None:
    """Start the server, unless it runs already, or is of no use here."""
    if not CAN_FORK:
        return
    FORKSERVER.set_forkserver_preload(IMPORTED)
    with without_interrupts():
        forkserver.ensure_running()


def worker_context() -> BaseContext:
    """Return how worker processes are started here, with the server running if they are forked.

    Workers for a GPU are forked too: the server has never used CUDA, which a process that has could
    not hand on to its children.

    Raises:
        EngineError: this process is a daemon, which Python lets start no others.
    """
    if _is_daemon():
        raise EngineError(
            "trainings run in processes of their own, and a process of multiprocessing.Pool may "
            "start none; call from one of concurrent.futures.ProcessPoolExecutor, which may, or "
            "train a case with workers=1"
        )
    if not CAN_FORK:
        return multiprocessing.get_context("spawn")
    start_importing()
    return FORKSERVER


def _is_daemon() -> bool:
    """Whether this process is one of a kind that Python lets start no others."""
    return multiprocessing.current_process().daemon


@contextmanager
def pool(processes: int, prepare: Callable[[], object]) -> Iterator[Executor | None]:
    """Make processes for what is computed beside training; None: one is enough, or none may be.

    They are killed where this ends by an error or by Ctrl-C: an executor that waits for what they
    compute would hold the end of the program, and a second Ctrl-C in that wait leaves it hanging.

    Args:
        prepare: called once in each of them.
    """
    if processes == 1 or not CAN_FORK or _is_daemon():
        yield None
        return
    start_importing()
    others = set(multiprocessing.active_children())
    gate = FORKSERVER.Semaphore(0)
    made = ProcessPoolExecutor(processes, FORKSERVER, _begin, (prepare, gate))
    try:
        try:
            with starting():
                for _ in range(processes):
                    made.submit(int)  # starts a process, as none is idle before the gate opens
                for _ in range(processes):
                    gate.release()
            yield made
            made.shutdown()
        except BaseException:
            _kill(made, others)
            raise
    except BaseException:
        _kill(made, others)  # a second Ctrl-C may come before the first one holds others back
        raise


def _begin(prepare: Callable[[], object], gate: Semaphore) -> None:
    """Prepare a process of a pool, once all are started."""
    # It holds both ends of the queue that it takes its work from, so it never sees an end of it.
    once_the_parent_is_gone(lambda: os._exit(1))
    gate.acquire()
    prepare()


def once_the_parent_is_gone(act: Callable[[], object]) -> None:
    """Have a thread wait until the parent process is gone, killed perhaps, and then act."""

    def wait() -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            connection.wait([parent.sentinel])
            act()

    threading.Thread(target=wait, daemon=True).start()


def _kill(made: ProcessPoolExecutor, others: Collection[BaseProcess]) -> None:
    """End what is computed, and the processes of it; those that were there before stay."""
    with held_back():
        for process in set(multiprocessing.active_children()).difference(others):
            process.kill()
        made.shutdown(wait=False)
