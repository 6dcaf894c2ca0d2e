"""GPUs are shared among jobs like workers, and a job's process sees only its own."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serve.test_supervisor import SHELF
from tuner.serve.jobs.queue import Queue
from tuner.serve.jobs.seats import VISIBLE, Seats, cards_here
from tuner.serve.jobs.supervisor import Supervisor
from tuner.serve.orders.requests import study_request
from tuner.serve.schema import prepare
from tuner.study.database.storage import open_storage
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (None, ["0", "1", "2"]),
        ("", []),
        ("2, 0", ["2", "0"]),
        ("1,-1,0", ["1"]),
        ("1,7,0", ["1"]),
        ("1,1", ["1"]),
        ("GPU-8932f937,MIG-1b2c", ["GPU-8932f937", "MIG-1b2c"]),
    ],
)
def test_the_cards_are_those_that_cuda_would_see(
    tmp_path: Path, listed: str | None, found: list[str]
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert cards_here({} if listed is None else {VISIBLE: listed}, tmp_path) == found


def test_there_are_no_cards_where_there_is_no_driver(tmp_path: Path) -> None:
    assert cards_here({VISIBLE: "0,1"}, tmp_path) == []
    assert Seats([], 2).take(1, 2) is None


def test_jobs_have_cards_of_their_own_while_there_are_enough() -> None:
    seats = Seats(["0", "1", "2", "3"], 8)
    assert seats.take(1, 2) == ["0", "1"]
    assert seats.take(2, 2) == ["2", "3"]
    assert seats.take(3, 4) == ["0", "1", "2", "3"]
    seats.leave(1)
    assert seats.take(4, 1) == ["0"]
    assert seats.take(5, 0) == []


@given(
    st.integers(1, 5),
    st.integers(1, 12),
    st.lists(st.integers(1, 4), max_size=8),
    st.randoms(use_true_random=False),
)
def test_no_card_has_more_workers_than_its_part(
    cards: int, slots: int, asked: list[int], random: object
) -> None:
    seats = Seats([str(number) for number in range(cards)], slots)
    free, held = slots, dict[int, int]()
    for job, workers in enumerate(asked):
        if workers > free and held:
            gone = min(held)
            seats.leave(gone)
            free += held.pop(gone)
        if workers > free:
            continue
        mine = seats.take(job, workers)
        held[job], free = workers, free - workers
        assert mine is not None
        assert 1 <= len(mine) <= workers
        used = [card for places in seats._taken.values() for card in places]
        assert max(map(used.count, used)) <= -(-slots // cards)


def test_a_process_sees_the_cards_of_its_job_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    told.mkdir()
    child = tmp_path / "child.py"
    child.write_text(
        "import json, os, sys\n"
        "words = json.loads(sys.stdin.readline())\n"
        f"path = os.path.join({str(told)!r}, str(os.getpid()))\n"
        f"open(path, 'w').write(json.dumps([words, os.environ.get({VISIBLE!r})]))\n"
        "sys.stdin.read()\n"
    )
    starter = tmp_path / "python"
    starter.write_text(f"#!/bin/sh\nexec {sys.executable} {child}\n")
    starter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(starter))
    workplace = Workplace.at(tmp_path / "home")
    engine = open_storage(workplace.url, create=True).engine
    prepare(engine)
    queue = Queue(engine)
    for name in ("one", "two"):
        asked = {"case": "tiny", "name": name, "trials": 3}
        queue.submit(study_request(asked, SHELF), name)
    supervisor = Supervisor(queue, workplace, SHELF, cards=["0", "GPU-8932f937", "2"])
    assert supervisor.slots == 3
    supervisor.look()
    supervisor.close()
    seen = sorted(json.loads(path.read_text()) for path in told.iterdir())
    by_study = {
        next(word for word in words if word.startswith("--name=")): cards for words, cards in seen
    }
    assert by_study == {"--name=one": "0,GPU-8932f937", "--name=two": "2"}
    for words, cards in seen:
        assert f"--workers={len(cards.split(','))}" in words
    assert supervisor.seats.take(99, 3) == ["0", "GPU-8932f937", "2"]
    engine.dispose()
