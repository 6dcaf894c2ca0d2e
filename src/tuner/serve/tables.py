"""What the service keeps: tables of its own in the database of the studies.

Their names begin with `tuner_`, so they never meet Optuna's. Times are seconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from sqlalchemy import JSON, Double, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tuner.study.service_tables import DELETED

VERSION = 2  # of these tables: the number of the newest migration
State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
Wish = Literal["", "pause", "cancel", "restart"]
Kind = Literal["study", "retrain", "delete", "clean"]
STATES: tuple[State, ...] = get_args(State)


class Table(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = {dict[str, Any]: JSON, float: Double}  # noqa: RUF012 - SQLAlchemy reads it so


class Version(Table):
    """One row: which version these tables have. Versions of tuner without migrations read it."""

    __tablename__ = "tuner_version"

    number: Mapped[int] = mapped_column(primary_key=True)


class Job(Table):
    """A process that the service is to run: a study, a retraining, a deletion or a clean-up.

    Attributes:
        key: what the submitter calls it; a second submission with the same key is the same job.
        study: the study's name.
        options: how the command is to be called, as `tuner.serve.orders.requests` checked it; and
            what was changed since, where the job has a key, and whether its study was deleted.
        wish: what a person has asked a running job to do.
        starts: how often it was started since it last ended as it should.
        owner: the service that runs it; it holds the job until `lease`, and renews that.
        last_words: what the process printed last.
        priority: jobs of a higher one start first.
        slots: trainings that it may run at once, of those that the service has; None: it has not
            been started yet.
    """

    __tablename__ = "tuner_jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str]
    study: Mapped[str] = mapped_column(index=True)
    case: Mapped[str]
    options: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(index=True)
    wish: Mapped[str]
    who: Mapped[str]
    submitted: Mapped[float]
    started: Mapped[float | None]
    ended: Mapped[float | None]
    starts: Mapped[int]
    owner: Mapped[str | None]
    lease: Mapped[float | None]
    last_words: Mapped[str]
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    slots: Mapped[int | None]


# Of jobs, in a query: their study was not deleted.
HAS_ITS_STUDY = Job.options[DELETED].as_boolean().is_not(True)


class Tag(Table):
    """A word by which people find a study."""

    __tablename__ = "tuner_tags"

    study: Mapped[str] = mapped_column(primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class Archived(Table):
    """A study that is out of the way: not in the list, unless that is asked for."""

    __tablename__ = "tuner_archived"

    study: Mapped[str] = mapped_column(primary_key=True)
    who: Mapped[str]
    at: Mapped[float]


class Setting(Table):
    """What an admin has set for the service, by name."""

    __tablename__ = "tuner_settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]


class Promotion(Table):
    """A line of the ledger: from `at` on, `alias` of a case meant this bundle. Never changed.

    Attributes:
        act: "promote" or "roll back".
        weights: SHA-256 of the bundle's weights.
        proof: what showed the gain, in a sentence; empty: nothing did, and `reason` says why then.
    """

    __tablename__ = "tuner_promotions"

    id: Mapped[int] = mapped_column(primary_key=True)
    case: Mapped[str] = mapped_column(index=True)
    alias: Mapped[str]
    act: Mapped[str]
    study: Mapped[str]
    bundle: Mapped[str]
    weights: Mapped[str]
    proof: Mapped[str]
    reason: Mapped[str]
    who: Mapped[str]
    at: Mapped[float]


class Token(Table):
    """A key to the service. The token itself is nowhere: only its SHA-256.

    Attributes:
        expires: None: it does not.
    """

    __tablename__ = "tuner_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    made: Mapped[float]
    expires: Mapped[float | None]


class Act(Table):
    """A line of the audit log: who did what to what."""

    __tablename__ = "tuner_acts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    who: Mapped[str]
    what: Mapped[str]
    on: Mapped[str]


class Hook(Table):
    """An address that is told when a study ends: of a server, or mailto: of a person.

    Attributes:
        secret: with which what is sent is signed; empty: mail is not.
        made: only what ends later is told.
    """

    __tablename__ = "tuner_hooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]
    who: Mapped[str]
    made: Mapped[float]


class Delivery(Table):
    """A message to a hook.

    Attributes:
        occasion: what it tells of; the same twice is one message.
        state: "waiting", "delivered" or "failed".
        due: when it is tried next.
        answer: what the other side said last, or what kept it from being asked.
    """

    __tablename__ = "tuner_deliveries"
    __table_args__ = (UniqueConstraint("hook", "occasion"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hook: Mapped[int] = mapped_column(index=True)
    occasion: Mapped[str]
    event: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    attempts: Mapped[int]
    due: Mapped[float]
    made: Mapped[float]
    ended: Mapped[float | None]
    answer: Mapped[str]
