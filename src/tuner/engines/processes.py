"""Fits in worker processes on this machine, each with its own core.

Workers are spawned once and take one job after the other. They never open the database: what they
know comes over a pipe as a `Job`, and the data is mapped from the cache.
"""

from __future__ import annotations

import itertools
import multiprocessing
import signal
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import torch

from tuner.errors import EngineError
from tuner.fits import Event, Failed, Finished, Job, advance, run

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

SPAWN = multiprocessing.get_context("spawn")
SECONDS_TO_LEAVE = 2.0
SECONDS_OF_SILENCE = 1800.0  # longer than an honest training takes from one point to the next


@dataclass(slots=True)
class _Running:
    """A job on a worker: what has been handed out of it, and whether it was begun a second time.

    Its ticket is its own: a key may be used again while points of its last fit are on their way.
    How long it has been waited for is the sum of vain waits, in seconds, and no difference of
    clocks: a machine that slept has not waited.
    """

    worker: _Worker
    job: Job
    ticket: int
    handed_out: int = 0
    to_skip: int = 0
    waited: float = 0.0
    retried: bool = False


class ProcessEngine:
    """Worker processes, one fit each at a time.

    A worker that dies or hangs costs its fit one retry on a new worker: fits are deterministic, so
    the points already handed out are skipped and the consumer notices nothing.

    Args:
        slots: how many workers.
        patience: seconds without a point after which a worker that is waited for counts as hung.
    """

    def __init__(self, slots: int, patience: float = SECONDS_OF_SILENCE) -> None:
        self.slots, self.patience = slots, patience
        self._idle = [_Worker() for _ in range(slots)]
        self._running: dict[int, _Running] = {}
        self._tickets = itertools.count()

    def start(self, key: int, job: Job) -> None:
        """Send a job to an idle worker."""
        worker = self._idle.pop()
        running = _Running(worker, job, next(self._tickets))
        self._running[key] = running
        if not worker.send(running.ticket, job):
            self._retry(key)

    def next(self, key: int, timeout: float) -> Event | None:
        """Return what the worker sent next, or None when nothing came for `timeout` seconds."""
        running = self._running[key]
        try:
            event = running.worker.receive(running.ticket, timeout)
        except EOFError:
            return self._retry(key)
        if event is None:
            running.waited += timeout
            return self._retry(key) if running.waited > self.patience else None
        running.waited = 0.0
        if isinstance(event, Finished | Failed):
            self._idle.append(self._running.pop(key).worker)
            return event
        if running.to_skip:
            running.to_skip -= 1
            return None
        running.handed_out += 1
        return event

    def stop(self, key: int) -> None:
        """Give up a fit; its worker ends it at its next point."""
        if key in self._running:
            stopped = self._running.pop(key)
            stopped.worker.send(stopped.ticket, None)
            self._idle.append(stopped.worker)

    def close(self) -> None:
        """End all workers."""
        workers = [running.worker for running in self._running.values()] + self._idle
        self._running, self._idle = {}, []
        for worker in workers:
            worker.end()

    def _retry(self, key: int) -> Failed | None:
        """Give the job to a new worker; the second time, give it up."""
        running = self._running[key]
        hung = running.waited > self.patience
        running.worker.end()
        code = running.worker.process.exitcode
        running.worker = _Worker()
        if running.retried:
            self._idle.append(self._running.pop(key).worker)
            last = (
                f"sent nothing for {self.patience:g} s"
                if hung
                else f"ended with exit code {code}; -9 is often lack of memory"
            )
            return Failed(f"its worker was lost twice (the last {last})")
        running.retried, running.to_skip, running.waited = True, running.handed_out, 0.0
        if not running.worker.send(running.ticket, running.job):
            raise EngineError("a new worker process died before it took its first job")
        return None


class _Worker:
    """A worker process, seen from this end of its pipe."""

    def __init__(self) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process: SpawnProcess = SPAWN.Process(target=_work, args=(theirs,), daemon=True)
        # Ctrl-C is for the coordinator to handle, from the worker's first moment on: it inherits
        # this mask. Starting the resource tracker would lift it, so that comes first.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def send(self, ticket: int, job: Job | None) -> bool:
        """Send a job, or None to stop the one running; whether the worker was there to take it."""
        try:
            self.pipe.send((ticket, job))
        except OSError:
            return False
        return True

    def receive(self, ticket: int, timeout: float) -> Event | None:
        """Return the next event of this job; what came from a stopped one before it is dropped."""
        while self.pipe.poll(timeout):
            try:
                sender, event = self.pipe.recv()
            except OSError as error:
                raise EOFError from error
            if sender == ticket:
                received: Event = event
                return received
        return None

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(SECONDS_TO_LEAVE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _work(pipe: Connection) -> None:
    """Take jobs until the pipe closes."""
    try:
        while True:
            ticket, job = pipe.recv()
            if job is None:
                continue  # told to stop a fit that had ended by itself
            torch.set_num_threads(job.plan.threads)
            running = run(job)
            while not pipe.poll():
                event = advance(running)
                pipe.send((ticket, event))
                if isinstance(event, Finished | Failed):
                    break
            running.close()
    except (EOFError, OSError):
        return
