"""The main loop of a worker process: it takes jobs from a pipe and trains them in turns.

On a processor it has one job at a time. On a GPU it has several: each has queued steps when it ends
its turn, and the GPU runs those of different trainings at the same time. Kernels of different
processes do not run at the same time: the GPU switches between processes.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from tuner.engines.cards import give_back_if_scarce, is_usable, release_card, see_only
from tuner.engines.generators import GeneratorsInTurns
from tuner.engines.job import Failed, Finished
from tuner.engines.worker import Reader, advance, failed_by, run_in_turns
from tuner.machine import be_ended_first, keep_memory
from tuner.training.device import quieten_alerts
from tuner.training.lanes import Turn

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from tuner.engines.job import Event, Job
    from tuner.training.fitting import ReportPoint


SECONDS_BETWEEN_LOOKS = 5e-5  # a step takes several times as long
LEAVES = -1  # in the place of a ticket: this process ends, and why it does


class Pipe(Protocol):
    """The worker's end of the pipe: receives jobs with their tickets, and sends their events."""

    def poll(self) -> bool:
        """Whether a message has come."""

    def recv(self) -> tuple[int, Job | None]:
        """Wait for a job, or None to stop the ticket's job; EOFError if no more come."""

    def send(self, message: tuple[int, Any], /) -> None:
        """Send an event of a ticket; or LEAVES, with the tickets of the jobs that it had."""


@dataclass(slots=True)
class _Hosted:
    """A job that is being trained in this process."""

    ticket: int
    threads: int
    running: Generator[ReportPoint | Turn, None, Finished]
    generators: GeneratorsInTurns = field(default_factory=GeneratorsInTurns)
    turn: Turn = field(default_factory=Turn)

    def advance(self) -> Event | Turn:
        torch.set_num_threads(self.threads)
        with self.generators.in_use():
            return advance(self.running)


def host(pipe: Pipe, card: str | None) -> None:
    """Train the jobs that come, until the pipe closes or this process can no longer use its GPU.

    A new worker then replaces it: after an error of CUDA, every further fit would fail. If there
    were several fits, nobody knows which one caused the error, and it is reported for none. Ending
    takes a moment, in which a further job may be sent: so this process says which ones it had.

    Args:
        card: name of the GPU that this process is to use; None to train on the processor.
    """
    if card is not None:
        see_only(card)  # before anything here uses CUDA
        quieten_alerts()
    be_ended_first()
    keep_memory()
    reader, hosted = Reader(), deque[_Hosted]()
    try:
        lost = _train(pipe, card, reader, hosted)
        pipe.send((LEAVES, [one.ticket for one in lost]))
    except (EOFError, OSError):
        return


def _train(
    pipe: Pipe, card: str | None, reader: Reader, hosted: deque[_Hosted]
) -> Sequence[_Hosted]:
    """Train until the GPU can no longer be used; return the jobs that are lost with it."""
    while True:
        while not hosted or pipe.poll():
            if not hosted and card is not None and not release_card():
                return []
            if _take(pipe, reader, hosted) and hosted and card is not None:
                give_back_if_scarce()
        try:
            one = _next(hosted)
        except torch.AcceleratorError as error:  # of steps that were queued in earlier turns
            if len(hosted) > 1:
                return hosted
            pipe.send((hosted[0].ticket, failed_by(error)))
            return []
        event = one.advance()
        if isinstance(event, Turn):
            one.turn = event
            hosted.append(one)
            continue
        broken = card is not None and isinstance(event, Failed) and not is_usable()
        if broken and hosted:
            return [one, *hosted]
        pipe.send((one.ticket, event))
        if broken:
            return []
        if not isinstance(event, Finished | Failed):
            one.turn = Turn()
            hosted.append(one)
        elif hosted and card is not None:
            give_back_if_scarce()


def _take(pipe: Pipe, reader: Reader, hosted: deque[_Hosted]) -> bool:
    """Take a message: a job to train, or None to stop one, which may have ended by itself.

    Returns:
        Whether one was stopped.
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
    """Take out the job that has waited longest, among those whose queued steps are done.

    If there is none, take the first to get ready: a job whose point is finished has nothing queued,
    so its share of the GPU would be idle while another job is waited for.
    """
    while True:
        for one in hosted:
            if one.turn.is_over:
                hosted.remove(one)
                return one
        time.sleep(SECONDS_BETWEEN_LOOKS)
