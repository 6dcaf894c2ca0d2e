"""What becomes of a job whose process has ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.commands.ending import INTERRUPTED, REFUSED
from tuner.serve.jobs.child import LATER
from tuner.serve.jobs.leases import AFTER
from tuner.serve.jobs.queue import MOST_STARTS

if TYPE_CHECKING:
    from tuner.serve.tables import State, Wish

FULL = (
    "Less than 5 % of the disk is free, so the study stops. What is finished is kept, and it "
    "continues by itself once there is room."
)
KILLED = (
    "The process of this job was killed. Often the system does this for lack of memory: give the "
    "study fewer workers, or the machine more memory."
)
PASSING = "This may pass, so it starts again in a moment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job whose process has ended.

    Attributes:
        status: exit status of the process; negative if a signal has killed it.
        wish: what a person or the service asked of the job while it ran.
        starts: how often the job was started, this time included.
        lacked_room: whether the process failed because the disk is full.
        is_deleted: whether the job is a deletion that was refused because it was complete.
    """

    kind: str
    status: int
    wish: Wish
    starts: int
    lacked_room: bool = False
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state of a job after the end of its process.

    Attributes:
        explanation: a line for its output; empty if its own last words are enough.
        waits: whether a moment must pass before its next start.
        died: whether its process died, which counts against its starts.
    """

    state: State
    explanation: str = ""
    waits: bool = False
    died: bool = False


def outcome_of(ended: Ended) -> Outcome:
    """Return what becomes of a job: the first cause that applies decides.

    A wish comes after a refusal, because another start would be refused, too. It comes before the
    other causes, because a process that was asked to stop may end in any way.
    """
    wished = AFTER.get(ended.wish)
    if ended.status == 0 or ended.is_deleted:
        return Outcome("done")
    if ended.lacked_room:
        return Outcome(wished or "queued", FULL)
    if ended.status == REFUSED:
        return Outcome("failed")
    if wished is not None:
        return Outcome(wished)
    if ended.status == LATER:
        return Outcome("queued", PASSING, waits=True)
    if ended.status == INTERRUPTED:
        # Somebody has stopped the process directly, so it is not restarted. Only a study can be
        # resumed.
        return Outcome("paused" if ended.kind == "study" else "failed")
    explanation = KILLED if ended.status == -signal.SIGKILL else ""
    again = ended.starts < MOST_STARTS
    return Outcome("queued" if again else "failed", explanation, died=True)
