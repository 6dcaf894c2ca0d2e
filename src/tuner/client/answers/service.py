"""What the service answers of itself: its jobs, machine, data, log and hooks."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

JobState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]


class Problem(TypedDict):
    """What went wrong (RFC 9457), in the words of the command line."""

    type: str
    title: str
    status: int
    detail: str


class Job(TypedDict):
    """A process that the service runs: a study, the retraining of an arm, a deletion, a clean-up.

    Those of a higher `priority` start first; `slots` is how many trainings it may run at once.
    """

    id: int
    kind: Literal["study", "retrain", "delete", "clean"]
    study: str
    case: str
    options: dict[str, Any]
    state: JobState
    wish: str
    who: str
    submitted: float
    started: float | None
    ended: float | None
    starts: int
    last_words: str
    priority: int
    slots: int | None


class Jobs(TypedDict):
    """A part of the jobs, newest first; `next` as in the list of studies."""

    jobs: list[Job]
    next: str | None


class Disk(TypedDict):
    """A disk, in bytes."""

    total: int
    free: int


class Machine(TypedDict):
    """Workers, and how many this service has in use; the queue in turn; bytes by what they are.

    `studies` are the largest: bytes of reports, models and weights.
    """

    workers: int
    taken: int
    running: list[Job]
    waiting: list[Job]
    disk: Disk
    usage: dict[str, int]
    studies: dict[str, int]


class Waste(TypedDict):
    """Something that serves nothing any more, and why; it is removed by naming `what`."""

    what: str
    kind: str
    meaning: str
    bytes: int


class WasteFound(TypedDict):
    """What may go, the largest first; `bytes` and `found` count also what is not listed."""

    days: int
    bytes: int
    found: int
    waste: list[Waste]


class Upkeep(TypedDict):
    """Days between clean-ups (0: never), the age in days of what goes, MiB a study (0: any)."""

    every: int
    older_than: int
    budget: int


class Data(TypedDict):
    """Data for tables and pictures, by names such as `uploads/houses.csv`.

    `most_bytes` is how large a file may be that is sent.
    """

    data: list[str]
    most_bytes: int


class Sent(TypedDict):
    """What was sent, by its name among the data."""

    data: str


class Act(TypedDict):
    """A line of the audit log: who did what to what."""

    at: str
    who: str
    what: str
    on: str


class Acts(TypedDict):
    """The audit log, newest first."""

    acts: list[Act]


class Hook(TypedDict):
    """Who is told when a study ends; `host` is mailto:ADDRESS, or leaves out a path: a secret."""

    id: int
    host: str
    who: str
    made: str


class NewHook(Hook):
    """A hook with the secret that its messages are signed with; it is shown this once."""

    secret: str


class Delivery(TypedDict):
    """A message to a hook; `answer` is what the other side said last, or why it was not reached."""

    id: int
    event: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    made: str
    ended: str | None
    answer: str


class Hooks(TypedDict):
    """All hooks."""

    hooks: list[Hook]


class Deliveries(TypedDict):
    """What was sent to a hook, newest first."""

    deliveries: list[Delivery]
