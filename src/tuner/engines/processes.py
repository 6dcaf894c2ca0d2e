"""Fits in worker processes on this machine: one a core, or one a card with several fits at once.

Workers are started once and take one job after the other. They never open the database: what they
know comes over a pipe as a `Job`, and the data is mapped from the cache.
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
from tuner.engines.hosting import host
from tuner.engines.job import Event, Failed, Finished, Job
from tuner.engines.remote import SECONDS_OF_SILENCE, LostError, Remote, RemoteEngine
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.process import BaseProcess

SECONDS_TO_LEAVE = 2.0
# On one card. With more, starting kernels takes a core longer than running them takes the card.
FITS_IN_A_PROCESS = 8


class ProcessEngine(RemoteEngine[Job, ReportPoint]):
    """Worker processes.

    Args:
        slots: how many fits at once.
        patience: seconds without a point after which a fit that is waited for counts as hung.
        cards: names of the GPUs that the fits share evenly. A worker sees one and has several fits.
            Empty: the fits are for the processor, and each has a worker of its own.
        processes: how many workers; None: as `cards` says.
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
        # Fits that were lost with a worker they shared are not told apart from what broke it.
        self.alone_when_lost = count < slots
        places = [cards[place % len(cards)] if cards else None for place in range(count)]
        self._workers = [_Worker(card) for card in places]
        self._tickets = itertools.count()

    def _begin(self, job: Job) -> _Fit:
        """Send a job to the worker that has the least to do."""
        place = min(range(len(self._workers)), key=lambda one: len(self._workers[one].fits))
        worker = self._workers[place]
        if not worker.fits and not worker.process.is_alive():
            worker.end()  # killed while it had nothing to do: no fit is lost
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

    Its ticket is its own: the worker may still send points of the job before.
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
        """Have the worker end it at its next point."""
        self.worker.give_up(self)

    def abandon(self) -> None:
        self.worker.lose("was ended, as another training in it was lost or hung")


class _Worker:
    """A worker process, seen from this end of its pipe.

    Args:
        card: name of the GPU that it sees; None: it is for the processor.

    Attributes:
        fits: that it has, by ticket.
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
        """Send a job, or None to stop one. That a worker is gone, receiving tells."""
        with suppress(OSError):
            self.pipe.send((fit.ticket, job))

    def collect(self) -> None:
        """Take a message of the process, and keep it for the fit that it is of."""
        try:
            ticket, event = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            code = self.process.exitcode
            how = f"ended with exit code {code}; -9 is often lack of memory"
            self.lose(how, killed=code == -signal.SIGKILL)
            return
        fit = self.fits.get(ticket)
        if fit is None:
            return  # it was given up
        fit.came.append(event)
        if isinstance(event, Finished | Failed):
            del self.fits[ticket]

    def lose(self, how: str, *, killed: bool = False) -> None:
        """End the process; each of its fits is told that it is lost."""
        self.end()
        for fit in self.fits.values():
            fit.came.append(LostError(how, killed=killed))
        self.fits.clear()

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(SECONDS_TO_LEAVE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
