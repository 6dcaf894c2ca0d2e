"""Runs fits in worker processes on this machine: one per core, or several fits per GPU process.

Workers are started once and take one job after the other. They never open the database: everything
they know comes over a pipe as a `Job`, and the data is mapped from the cache.
"""

from __future__ import annotations

import itertools
import math
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import TYPE_CHECKING

from tuner.engines.forking import starting, worker_context
from tuner.engines.hosting import LEAVES, host
from tuner.engines.job import Event, Failed, Finished, Job
from tuner.engines.remote import SECONDS_OF_SILENCE, LostError, Remote, RemoteEngine
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from multiprocessing.process import BaseProcess

SECONDS_TO_LEAVE = 2.0
# On one GPU. With more, starting kernels takes a core longer than running them takes the GPU.
FITS_IN_A_PROCESS = 8


class ProcessEngine(RemoteEngine[Job, ReportPoint]):
    """Runs fits in worker processes.

    Args:
        slots: number of fits at once.
        patience: seconds without a point after which a fit that is waited for counts as hung.
        cards: names of the GPUs, which the fits share evenly. A worker sees one and has several
            fits. If empty, fits run on the processor, each in a worker of its own.
        processes: number of workers; None to choose it from `cards`.
    """

    def __init__(
        self,
        slots: int,
        patience: float = SECONDS_OF_SILENCE,
        cards: Sequence[str] = (),
        processes: int | None = None,
    ) -> None:
        super().__init__(slots, patience)
        filled = math.ceil(slots / FITS_IN_A_PROCESS)
        count = processes or (max(min(slots, len(cards)), filled) if cards else slots)
        # If a shared worker is lost, nobody knows which of its fits broke it.
        self.alone_when_lost = count < slots
        places = [cards[place % len(cards)] if cards else None for place in range(count)]
        self._workers = [_Worker(card) for card in places]
        self._tickets = itertools.count()

    def _begin(self, job: Job) -> _Fit:
        """Send a job to the worker with the fewest fits."""
        place = min(range(len(self._workers)), key=lambda one: len(self._workers[one].fits))
        worker = self._workers[place]
        if not worker.fits and not worker.process.is_alive():
            worker.end()  # it was killed while idle: no fit is lost
            worker = self._workers[place] = _Worker(worker.card)
        fit = _Fit(worker, next(self._tickets))
        worker.begin(fit, job)
        return fit

    def _ready(self, remotes: Sequence[Remote], timeout: float) -> list[_Fit]:
        fits = [remote for remote in remotes if isinstance(remote, _Fit)]
        if not any(fit.came for fit in fits):
            workers = {fit.worker.pipe: fit.worker for fit in fits}
            for pipe in connection.wait(workers, timeout):
                workers[pipe].collect()  # type: ignore[index]
        return [fit for fit in fits if fit.came]

    def close(self) -> None:
        """End all workers."""
        super().close()
        while self._workers:
            self._workers.pop().end()


@dataclass(slots=True, eq=False)
class _Fit:
    """A job on a worker.

    Each job has its own ticket, because the worker may still send points of the one before.
    """

    worker: _Worker
    ticket: int
    came: deque[Event | LostError] = field(default_factory=deque)
    begun = True

    def receive(self) -> Event:
        event = self.came.popleft()
        if isinstance(event, LostError):
            raise event
        return event

    def stop(self) -> None:
        """Ask the worker to end it at its next point."""
        self.worker.give_up(self)

    def abandon(self) -> None:
        self.worker.lose("was ended, as another training in it was lost or hung")


class _Worker:
    """A worker process, seen from the engine's end of its pipe.

    Args:
        card: name of the GPU that it sees; None for the processor.

    Attributes:
        fits: its fits, by ticket.
    """

    def __init__(self, card: str | None) -> None:
        self.card = card
        self.fits: dict[int, _Fit] = {}
        context = worker_context()
        self.pipe, theirs = context.Pipe()
        process = context.Process(target=host, args=(theirs, card), daemon=True)  # type: ignore[attr-defined]
        self.process: BaseProcess = process
        with starting():
            self.process.start()
        theirs.close()

    def begin(self, fit: _Fit, job: Job) -> None:
        self.fits[fit.ticket] = fit
        self._send(fit, job)

    def give_up(self, fit: _Fit) -> None:
        if self.fits.pop(fit.ticket, None):
            self._send(fit, None)

    def _send(self, fit: _Fit, job: Job | None) -> None:
        """Send a job, or None to stop one. If the worker is gone, `collect` reports it."""
        with suppress(OSError):
            self.pipe.send((fit.ticket, job))

    def collect(self) -> None:
        """Take a message of the process, and store it for its fit."""
        try:
            ticket, event = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            code = self.process.exitcode
            how = f"ended with exit code {code}; -9 is often lack of memory"
            self.lose(how, killed=code == -signal.SIGKILL)
            return
        if ticket == LEAVES:
            self.lose("could not use its GPU after an error of CUDA", begun=set(event))
            return
        fit = self.fits.get(ticket)
        if fit is None:
            return  # it was stopped
        fit.came.append(event)
        if isinstance(event, Finished | Failed):
            del self.fits[ticket]

    def lose(self, how: str, *, killed: bool = False, begun: Collection[int] | None = None) -> None:
        """End the process, and report to each of its fits that it is lost.

        Args:
            begun: tickets of those that it had begun; None for all.
        """
        self.end()
        for ticket, fit in self.fits.items():
            was_begun = begun is None or ticket in begun
            fit.came.append(LostError(how, killed=killed, begun=was_begun))
        self.fits.clear()

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(SECONDS_TO_LEAVE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
