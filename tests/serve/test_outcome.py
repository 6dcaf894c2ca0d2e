"""What becomes of a job whose process has ended, by everything that matters for it."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tuner.commands.ending import INTERRUPTED, REFUSED
from tuner.serve.jobs.child import LATER, NO_ROOM
from tuner.serve.jobs.outcome import FULL, KILLED, PASSING, Ended, Outcome, outcome_of
from tuner.serve.jobs.queue import MOST_STARTS

DIED = 1


@pytest.mark.parametrize(
    ("status", "given", "expected"),
    [
        (0, {}, Outcome("done")),
        (0, {"wish": "pause"}, Outcome("done")),
        (REFUSED, {}, Outcome("failed")),
        (REFUSED, {"wish": "restart"}, Outcome("failed")),
        (REFUSED, {"kind": "delete", "is_deleted": True}, Outcome("done")),
        (NO_ROOM, {"lacked_room": True}, Outcome("queued", FULL)),
        (NO_ROOM, {"lacked_room": True, "wish": "cancel"}, Outcome("cancelled", FULL)),
        (REFUSED, {"lacked_room": True}, Outcome("queued", FULL)),
        (LATER, {}, Outcome("queued", PASSING, waits=True)),
        (LATER, {"wish": "pause"}, Outcome("paused")),
        (INTERRUPTED, {}, Outcome("paused")),
        (INTERRUPTED, {"kind": "retrain"}, Outcome("failed")),
        (INTERRUPTED, {"wish": "restart"}, Outcome("queued")),
        (INTERRUPTED, {"kind": "retrain", "wish": "cancel"}, Outcome("cancelled")),
        (DIED, {}, Outcome("queued", died=True)),
        (DIED, {"starts": MOST_STARTS}, Outcome("failed", died=True)),
        (-signal.SIGKILL, {}, Outcome("queued", KILLED, died=True)),
        (-signal.SIGKILL, {"wish": "pause"}, Outcome("paused")),
    ],
)
def test_the_first_cause_decides(status: int, given: dict[str, Any], expected: Outcome) -> None:
    job = {"kind": "study", "wish": "", "starts": 1, **given}
    assert outcome_of(Ended(status=status, **job)) == expected
