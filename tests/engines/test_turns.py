"""Several trainings in one process, taking turns on a fake GPU."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.training.test_made_up_card import AT_THE_ENDS
from tests.training.test_made_up_card import card as card
from tuner.engines import cards, hosting
from tuner.engines.cards import VISIBLE
from tuner.engines.hosting import host
from tuner.engines.job import Failed, Finished

if TYPE_CHECKING:
    from tests.made_up_card import MadeUpCard
    from tuner.engines.job import Job


class Pipe:
    """The end of a pipe at which jobs arrive, all at once or one after the other.

    Args:
        given_up: ticket of a job that is cancelled after its second point.
    """

    def __init__(self, jobs: dict[int, Job], *, at_once: bool, given_up: int | None = None) -> None:
        self.waiting: deque[tuple[int, Job | None]] = deque(jobs.items())
        self.at_once, self.given_up, self.running = at_once, given_up, 0
        self.sent: dict[int, list[Any]] = {ticket: [] for ticket in jobs}

    def poll(self) -> bool:
        return bool(self.waiting) and (self.at_once or not self.running)

    def recv(self) -> tuple[int, Job | None]:
        if not self.waiting:
            raise EOFError
        ticket, job = self.waiting.popleft()
        self.running += 1 if job else -1
        return ticket, job

    def send(self, message: tuple[int, Any]) -> None:
        ticket, event = message
        ended = isinstance(event, Finished | Failed)
        self.sent[ticket].append(type(event) if isinstance(event, Finished) else event)
        self.running -= ended
        if ticket == self.given_up and len(self.sent[ticket]) == 2:
            self.waiting.append((ticket, None))


@pytest.fixture
def jobs(job: Job) -> dict[int, Job]:
    """Trainings of three sizes that use dropout; one of them fails at its start."""
    plan = replace(job.plan, device="cuda")
    changes: dict[int, dict[str, Any]] = {
        0: {"epochs": 3, "dropout": 0.4},
        1: {"epochs": 4, "dropout": 0.2, "batch_norm": True},
        2: {"epochs": 5, "width": 3, "dropout": 0.3, "batch_size": 7},
        3: {"breaks": True},
    }
    return {
        ticket: replace(job, plan=plan, hyperparameters={**job.hyperparameters, **changed})
        for ticket, changed in changes.items()
    }


def hosted(jobs: dict[int, Job], **how: Any) -> dict[int, list[Any]]:
    pipe = Pipe(jobs, **how)
    host(pipe, "0")
    return pipe.sent


@pytest.mark.slow
def test_trainings_by_turns_give_what_each_gives_alone(
    card: MadeUpCard, jobs: dict[int, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if others are cancelled or fail; and none uses memory that another still needs."""
    monkeypatch.setenv(VISIBLE, "0")
    monkeypatch.setattr(hosting, "keep_memory", lambda: None)
    monkeypatch.setattr(cards, "SCARCE", 1.0)  # so memory is released while others train
    alone = hosted(jobs, at_once=False)
    assert [len(events) for events in alone.values()] == [4, 5, 6, 1]
    together = hosted(jobs, at_once=True, given_up=1)
    assert {**together, 1: alone[1]} == alone
    assert together[1] == alone[1][: len(together[1])]
    points = sum(len(events) for run in (alone, together) for events in run.values())
    waits = {
        line.partition(":")[0]: count
        for line, count in card.told.items()
        if not any(map(line.count, (*AT_THE_ENDS, " is_usable", " release_card", " give_back")))
    }
    assert list(waits) == ["numbers are read"]
    assert waits["numbers are read"] <= points
