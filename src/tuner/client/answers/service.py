"""Answers about the service itself: its jobs, machine, data, log and hooks."""

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
    """A process of the service: a study, the retraining of an arm, a deletion, a clean-up.

    Jobs with a higher `priority` start first; `slots` is how many trainings it may run at once.
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
    """A part of the list of jobs, newest first; `next` as in the list of studies."""

    jobs: list[Job]
    next: str | None


class Disk(TypedDict):
    """The size of a disk and its free space, in bytes."""

    total: int
    free: int


class Machine(TypedDict):
    """All workers and those in use, the queue in order, and bytes on disk by kind.

    `studies` lists the largest studies, with the bytes of their reports, models and weights.
    """

    workers: int
    taken: int
    running: list[Job]
    waiting: list[Job]
    disk: Disk
    usage: dict[str, int]
    studies: dict[str, int]


class Waste(TypedDict):
    """An item that is no longer needed, and why; name its `what` to remove it."""

    what: str
    kind: str
    meaning: str
    bytes: int


class WasteFound(TypedDict):
    """Items that can be removed, largest first; `bytes` and `found` also count unlisted ones."""

    days: int
    bytes: int
    found: int
    waste: list[Waste]


class Upkeep(TypedDict):
    """Days between clean-ups (0: never), minimum age in days, MiB per study (0: no limit)."""

    every: int
    older_than: int
    budget: int


class Data(TypedDict):
    """Data for tables and pictures, by names such as `uploads/houses.csv`.

    `most_bytes` is the largest size of an uploaded file.
    """

    data: list[str]
    most_bytes: int


class Sent(TypedDict):
    """An uploaded file, by its name among the data."""

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
    """A recipient of study endings; `host` is mailto:ADDRESS, or a URL without its secret path."""

    id: int
    host: str
    who: str
    made: str


class NewHook(Hook):
    """A new hook with the secret that signs its messages, which is shown only once."""

    secret: str


class Delivery(TypedDict):
    """A message to a hook; `answer` is the last response, or why the hook was not reached."""

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
    """The messages to a hook, newest first."""

    deliveries: list[Delivery]
