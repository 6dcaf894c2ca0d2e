"""Which job is next, and with how many workers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tuner.serve.jobs.queue import Queue
from tuner.serve.jobs.turns import SETTLED, in_turn, share, to_start_again
from tuner.serve.orders.requests import Request
from tuner.serve.schema import prepare
from tuner.serve.tables import Job
from tuner.study.database.storage import open_storage

if TYPE_CHECKING:
    from pathlib import Path

STUDY = Request("study", "", "tiny", {})


def job(number: int, who: str = "ann", *, priority: int = 0, slots: int = 1) -> Job:
    return Job(
        id=number,
        kind="study",
        who=who,
        priority=priority,
        slots=slots,
        started=0.0,
        wish="",
    )


def turns(*waiting: Job, running: tuple[Job, ...] = (), **used: float) -> list[int]:
    return [one.id for one in in_turn(waiting, running, used)]


def test_who_has_many_jobs_holds_up_nobody() -> None:
    many = [job(number) for number in range(1, 5)]
    assert turns(*many, job(5, "bob"), job(6, "cid")) == [1, 5, 6, 2, 3, 4]
    assert turns(*many, job(5, "bob"), running=(job(0, "ann", slots=2),)) == [5, 1, 2, 3, 4]
    assert turns(job(1), job(2, "bob"), ann=60.0) == [2, 1]


def test_a_higher_priority_comes_first() -> None:
    low, high = job(1, priority=-1), job(3, "bob", priority=1)
    assert turns(low, job(2), high, running=(job(0, "bob", slots=8),)) == [3, 2, 1]


@pytest.mark.parametrize(
    ("slots", "jobs", "each"), [(8, 1, 8), (8, 2, 4), (8, 3, 3), (2, 5, 1), (4, 0, 4)]
)
def test_workers_are_shared(slots: int, jobs: int, each: int) -> None:
    assert share(slots, jobs) == each


def test_a_study_gives_workers_up_and_gets_them_back() -> None:
    one, two = job(1, slots=3), job(2, slots=1)
    assert to_start_again(4, [one, two], 1, SETTLED) is one
    assert to_start_again(4, [one, two], 1, SETTLED - 1) is None, "it has just been started"
    assert to_start_again(5, [one, two], 1, SETTLED) is None, "a worker is free"
    assert to_start_again(2, [two, job(3)], 1, SETTLED) is None, "none has more than one"
    assert to_start_again(4, [two], 0, SETTLED) is two
    assert to_start_again(4, [one], 0, SETTLED) is None, "one worker more is not worth a stop"
    one.wish = "pause"
    assert to_start_again(4, [one, two], 1, SETTLED) is None


def test_services_take_their_share(tmp_path: Path) -> None:
    engine = open_storage(f"sqlite:///{tmp_path}/studies.db", create=True).engine
    prepare(engine)
    queue = Queue(engine, lambda: 1000.0)
    numbers = {
        name: queue.submit(replace(STUDY, study=name), who, priority=priority).id
        for name, who, priority in (
            ("first", "ann", 0),
            ("second", "ann", 0),
            ("bobs", "bob", 0),
            ("urgent", "ann", 1),
        )
    }
    queue.submit(Request("clean", "", "", {"bytes": 1}), "cid")
    order = [one.id for one in queue.waiting()]
    taken = [queue.claim("a", 3) for _ in range(6)]
    ids = [one.id for one in taken if one is not None]
    assert ids == order[:4], "the chore takes no worker, and the last study none that is left"
    assert ids[0] == numbers["urgent"]
    assert {one.id: one.slots for one in taken if one} == {
        number: 0 if number == max(order) else 1 for number in ids
    }
    assert queue.claim("a", 3) is None
    other = queue.claim("b", 2)
    assert other is not None
    assert other.slots == 2, "another service has workers of its own"
    engine.dispose()


def test_a_full_disk_leaves_chores_alone(tmp_path: Path) -> None:
    engine = open_storage(f"sqlite:///{tmp_path}/studies.db", create=True).engine
    prepare(engine)
    queue = Queue(engine, lambda: 1000.0)
    queue.submit(replace(STUDY, study="x"), "ann", priority=1)
    chore = queue.submit(Request("clean", "", "", {"bytes": 1}), "cid")
    taken = queue.claim("a", 3, chores_only=True)
    assert taken is not None
    assert taken.id == chore.id
    assert queue.claim("a", 3, chores_only=True) is None
    engine.dispose()
