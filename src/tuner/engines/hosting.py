"""What a worker process does: it takes jobs from a pipe, and trains them by turns.

On a processor it has one at a time. On a card it has several: each has queued steps when it gives
its turn away, and those of different trainings run on the card at the same time. Kernels of
different processes do not: a card gives each process its time in turn.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from tuner.engines.cards import give_back_if_scarce, is_usable, release_card, see_only
from tuner.engines.job import Failed, Finished
from tuner.engines.worker import Reader, advance, failed_by, run_in_turns
from tuner.machine import be_ended_first, keep_memory
from tuner.training.device import quieten_alerts
from tuner.training.lanes import Turn
from tuner.training.randomness import OwnGenerators

if TYPE_CHECKING:
    from collections.abc import Generator

    from tuner.engines.job import Event, Job
    from tuner.training.fitting import ReportPoint


SECONDS_BETWEEN_LOOKS = 5e-5  # a step takes some times as long


class Pipe(Protocol):
    """The end of a pipe at which jobs come, each with its ticket, and their events go."""

    def poll(self) -> bool:
        """Whether something has come."""

    def recv(self) -> tuple[int, Job | None]:
        """Wait for a job, or for None: its ticket is given up; EOFError where no more comes."""

    def send(self, message: tuple[int, Any], /) -> None:
        """Send an event of a ticket."""


@dataclass(slots=True)
class _Hosted:
    """A job that is being trained here."""

    ticket: int
    threads: int
    running: Generator[ReportPoint | Turn, None, Finished]
    generators: OwnGenerators = field(default_factory=OwnGenerators)
    turn: Turn = field(default_factory=Turn)

    def advance(self) -> Event | Turn:
        torch.set_num_threads(self.threads)
        with self.generators.in_use():
            return advance(self.running)


def host(pipe: Pipe, card: str | None) -> None:
    """Train what comes, until the pipe closes, or until this process can use its card no more.

    A new worker takes its place then: after an error of CUDA every further fit would fail. Where
    there were several, nobody knows whose error it was, and none is told of.

    Args:
        card: name of the GPU that this process is to see; None: it trains on the processor.
    """
    if card is not None:
        see_only(card)  # before anything here uses CUDA
        quieten_alerts()
    be_ended_first()
    keep_memory()
    reader, hosted = Reader(), deque[_Hosted]()
    try:
        while True:
            while not hosted or pipe.poll():
                if not hosted and card is not None and not release_card():
                    return
                if _take(pipe, reader, hosted) and hosted and card is not None:
                    give_back_if_scarce()
            try:
                one = _next(hosted)
            except torch.AcceleratorError as error:  # of steps that were queued some turns ago
                if len(hosted) == 1:
                    pipe.send((hosted[0].ticket, failed_by(error)))
                return
            event = one.advance()
            if isinstance(event, Turn):
                one.turn = event
                hosted.append(one)
                continue
            broken = card is not None and isinstance(event, Failed) and not is_usable()
            if broken and hosted:
                return
            pipe.send((one.ticket, event))
            if broken:
                return
            if not isinstance(event, Finished | Failed):
                one.turn = Turn()
                hosted.append(one)
            elif hosted and card is not None:
                give_back_if_scarce()
    except (EOFError, OSError):
        return


def _take(pipe: Pipe, reader: Reader, hosted: deque[_Hosted]) -> bool:
    """Take a message: a job to train, or None to give one up, which may have ended by itself.

    Returns:
        Whether one was given up.
    """
    ticket, job = pipe.recv()
    if job is not None:
        hosted.append(_Hosted(ticket, job.plan.threads, run_in_turns(job, reader)))
        return False
    given_up = [one for one in hosted if one.ticket == ticket]
    for one in given_up:
        hosted.remove(one)
        one.running.close()
    return bool(given_up)


def _next(hosted: deque[_Hosted]) -> _Hosted:
    """Take out the one that waits longest of those that have something to do.

    Where none has, it is the first that has: one whose point is made has nothing queued, so its
    part of the card would be idle while another were waited for.
    """
    while True:
        for one in hosted:
            if one.turn.is_over:
                hosted.remove(one)
                return one
        time.sleep(SECONDS_BETWEEN_LOOKS)
