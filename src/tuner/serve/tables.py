"""The service's own tables in the database of the studies.

Their names begin with `tuner_`, so they never conflict with Optuna's. Times are seconds since 1970,
UTC.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from sqlalchemy import JSON, Double, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tuner.study.service_tables import DELETED

VERSION = 2  # number of the newest migration
State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
Wish = Literal["", "pause", "cancel", "restart"]
Kind = Literal["study", "retrain", "ablate", "delete", "clean"]
STATES: tuple[State, ...] = get_args(State)
AT_WORK: frozenset[State] = frozenset({"queued", "running"})


class Table(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = {dict[str, Any]: JSON, float: Double}  # noqa: RUF012 - SQLAlchemy reads it so


class Version(Table):
    """One row: the version of these tables. Versions of tuner without migrations read it."""

    __tablename__ = "tuner_version"

    number: Mapped[int] = mapped_column(primary_key=True)


class Job(Table):
    """A process for the service to run: of a study, a model, an ablation, a deletion or a clean-up.

    Attributes:
        key: given by the submitter; a second submission with the same key is the same job.
        study: the study's name.
        options: of the command, as checked by `tuner.serve.orders.requests`; and those changed
            since, if the job has a key, and whether its study was deleted.
        wish: a person's request to a running job.
        starts: number of starts since it last ended normally.
        owner: the service that runs it; it holds the job until `lease`, which it renews.
        last_words: the last output of the process.
        priority: jobs with a higher one start first.
        slots: trainings that it may run at once, out of the service's; None before its first start.
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


# A query condition for jobs: their study was not deleted.
HAS_ITS_STUDY = Job.options[DELETED].as_boolean().is_not(True)


class Tag(Table):
    """A tag of a study."""

    __tablename__ = "tuner_tags"

    study: Mapped[str] = mapped_column(primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class Archived(Table):
    """An archived study: not in the list, unless archived ones are asked for."""

    __tablename__ = "tuner_archived"

    study: Mapped[str] = mapped_column(primary_key=True)
    who: Mapped[str]
    at: Mapped[float]


class Setting(Table):
    """A setting of the service that an admin has changed, by name."""

    __tablename__ = "tuner_settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]


class Promotion(Table):
    """A line of the ledger: from `at` on, `alias` of a case named this bundle. Never changed.

    Attributes:
        act: "promote" or "roll back".
        weights: SHA-256 of the bundle's weights.
        proof: evidence of the gain, in a sentence; empty if there is none, and then `reason` says
            why it was promoted anyway.
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
    """A token for the service. The token itself is not stored, only its SHA-256.

    Attributes:
        expires: None if it does not.
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
    """A recipient of study endings: a server's address, or mailto: of a person.

    Attributes:
        secret: signs the messages; empty for mail, which is not signed.
        made: only what ends after this time is reported.
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
        occasion: what it reports; there is only one message for each.
        state: "waiting", "delivered" or "failed".
        due: time of the next attempt.
        answer: the last response, or the reason why the hook was not reached.
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
