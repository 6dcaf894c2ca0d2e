"""Fits in worker processes on this machine, each with its own core.

Workers are started once and take one job after the other. They never open the database: what they
know comes over a pipe as a `Job`, and the data is mapped from the cache.
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING

import torch

from tuner.engines.cards import release_card, see_only
from tuner.engines.forking import without_interrupts, worker_context
from tuner.engines.job import Event, Failed, Finished, Job
from tuner.engines.remote import SECONDS_OF_SILENCE, LostError, Remote, RemoteEngine
from tuner.engines.worker import Reader, advance, run
from tuner.training.device import quieten_alerts
from tuner.training.fitting import ReportPoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

SECONDS_TO_LEAVE = 2.0


class ProcessEngine(RemoteEngine[Job, ReportPoint]):
    """Worker processes, one fit each at a time.

    Args:
        slots: how many workers.
        patience: seconds without a point after which a worker that is waited for counts as hung.
        cards: names of the GPUs that the workers share evenly, round robin: each sees one. Empty:
            the fits are for the processor.
    """

    def __init__(
        self, slots: int, patience: float = SECONDS_OF_SILENCE, cards: Sequence[str] = ()
    ) -> None:
        super().__init__(slots, patience)
        self.cards = tuple(cards)
        self._idle = [_Worker(self._card_of(slot)) for slot in range(slots)]
        self._tickets = itertools.count()

    def _begin(self, job: Job) -> _Fit:
        """Send a job to an idle worker, or to a new one in the place of one that is gone."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                break
            worker.end()  # killed while it had nothing to do: no fit is lost
        else:
            worker = _Worker(self._freest_card())
        fit = _Fit(worker, next(self._tickets), self._idle)
        worker.send(fit.ticket, job)
        return fit

    def _card_of(self, slot: int) -> str | None:
        return self.cards[slot % len(self.cards)] if self.cards else None

    def _freest_card(self) -> str | None:
        """Return the GPU that the fewest workers have."""
        fits = [remote for remote in self._at_work() if isinstance(remote, _Fit)]
        taken = Counter(worker.card for worker in (*self._idle, *(fit.worker for fit in fits)))
        return min(self.cards, key=taken.__getitem__, default=None)

    def _ready(self, remotes: Sequence[Remote], timeout: float) -> list[_Fit]:
        fits = {fit.worker.pipe: fit for fit in remotes if isinstance(fit, _Fit)}
        return [fits[pipe] for pipe in connection.wait(fits, timeout)]  # type: ignore[index]

    def close(self) -> None:
        """End all workers."""
        super().close()
        while self._idle:
            self._idle.pop().end()


@dataclass(slots=True, eq=False)
class _Fit:
    """A job on a worker, which goes back to the idle ones when it has ended.

    Its ticket is its own: the worker may still send points of the job before.
    """

    worker: _Worker
    ticket: int
    idle: list[_Worker]
    begun = True

    def receive(self) -> Event | None:
        try:
            sender, event = self.worker.pipe.recv()
        except (EOFError, OSError) as end:
            self.worker.end()
            code = self.worker.process.exitcode
            raise LostError(f"ended with exit code {code}; -9 is often lack of memory") from end
        if sender != self.ticket:
            return None
        if isinstance(event, Finished | Failed):
            self.idle.append(self.worker)
        received: Event = event
        return received

    def stop(self) -> None:
        """Have the worker end it at its next point."""
        self.worker.send(self.ticket, None)
        self.idle.append(self.worker)

    def abandon(self) -> None:
        self.worker.end()


class _Worker:
    """A worker process, seen from this end of its pipe.

    Args:
        card: name of the GPU that it sees; None: it is for the processor.
    """

    def __init__(self, card: str | None) -> None:
        self.card = card
        context = worker_context()
        self.pipe, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, card), daemon=True)  # type: ignore[attr-defined]
        self.process: BaseProcess = process
        with without_interrupts():
            self.process.start()
        theirs.close()

    def send(self, ticket: int, job: Job | None) -> None:
        """Send a job, or None to stop the one running. That a worker is gone, receiving tells."""
        with suppress(OSError):
            self.pipe.send((ticket, job))

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(SECONDS_TO_LEAVE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _work(pipe: Connection, card: str | None) -> None:
    """Take jobs until the pipe closes, or until this process can use its GPU no more.

    A new worker takes its place then: after an error of CUDA every further fit would fail.
    """
    if card is not None:
        see_only(card)  # before anything here uses CUDA
        quieten_alerts()
    reader = Reader()
    try:
        while True:
            ticket, job = pipe.recv()
            if job is None:
                continue  # told to stop a fit that had ended by itself
            torch.set_num_threads(job.plan.threads)
            running = run(job, reader)
            while not pipe.poll():
                event = advance(running)
                pipe.send((ticket, event))
                if isinstance(event, Finished | Failed):
                    break
            running.close()
            if card is not None and not release_card():
                return
    except (EOFError, OSError):
        return
