"""Forks worker processes from a server that has imported torch, so that it is imported once.

The server does nothing but import and fork. It never computes, so no thread of torch's is lost in a
fork. A command starts it before its own imports, and both import at the same time. On systems other
than Linux, system libraries do not survive a fork, and each worker imports for itself.
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
from tuner.imports import into_the_same_folders
from tuner.interrupts import held_back

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from concurrent.futures import Executor
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Semaphore

FORKSERVER = multiprocessing.get_context("forkserver")
CAN_FORK = platform.system() == "Linux"
IMPORTED = ["tuner.engines.preloading"]


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Shield the processes started in this context from Ctrl-C, which the coordinator handles.

    Ctrl-C also waits until the context ends: otherwise, a process whose start was interrupted would
    run on without anybody knowing. The mask alone does not prevent that, because the system may
    deliver the signal to another thread.
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
    """Start processes without Ctrl-C, and without running the main program again in them.

    Python would run the program's file again in each process, unless `if __name__ == "__main__"`
    guards it. The processes need nothing from it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with into_the_same_folders(), without_interrupts():
            yield
    finally:
        sys.modules["__main__"] = main


def start_importing() -> None:
    """Start the server, unless it already runs or cannot be used here."""
    if not CAN_FORK:
        return
    FORKSERVER.set_forkserver_preload(IMPORTED)
    with into_the_same_folders(), without_interrupts():
        forkserver.ensure_running()


def worker_context() -> BaseContext:
    """Return the context that starts worker processes here; start the server if it forks them.

    Workers for a GPU are forked too. That is safe because the server has never used CUDA: a process
    that has could not pass it on to its children.

    Raises:
        EngineError: this process is a daemon, and Python does not let daemons start processes.
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
    """Whether Python forbids this process to start others."""
    return multiprocessing.current_process().daemon


@contextmanager
def pool(processes: int, prepare: Callable[[], object]) -> Iterator[Executor | None]:
    """Make processes for computations beside training; None if one is enough or none can be made.

    On an error or Ctrl-C, they are killed: an executor that waits for their results would delay the
    end of the program, and a second Ctrl-C during that wait would leave it hanging.

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
                    made.submit(int)  # starts a process, because none is idle before the gate opens
                for _ in range(processes):
                    gate.release()
            yield made
            made.shutdown()
        except BaseException:
            _kill(made, others)
            raise
    except BaseException:
        _kill(made, others)  # a second Ctrl-C may come before the first `_kill` holds it back
        raise


def _begin(prepare: Callable[[], object], gate: Semaphore) -> None:
    """Prepare a process of a pool, once all are started."""
    # The process holds both ends of the queue that it reads its work from, so it never sees its
    # end.
    once_the_parent_is_gone(lambda: os._exit(1))
    gate.acquire()
    prepare()


def once_the_parent_is_gone(act: Callable[[], object]) -> None:
    """Call `act` in a thread once the parent process is gone, even if it was killed."""

    def wait() -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            connection.wait([parent.sentinel])
            act()

    threading.Thread(target=wait, daemon=True).start()


def _kill(made: ProcessPoolExecutor, others: Collection[BaseProcess]) -> None:
    """Kill the processes of a pool, but not the others, and drop its work."""
    with held_back():
        for process in set(multiprocessing.active_children()).difference(others):
            process.kill()
        made.shutdown(wait=False)
