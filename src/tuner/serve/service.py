"""A service as one value: its storage and its parts."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tuner.serve.acts import Acts
from tuner.serve.disk.room import Room
from tuner.serve.jobs.queue import Queue
from tuner.serve.jobs.supervisor import Supervisor
from tuner.serve.messages.hooks import Hooks
from tuner.serve.messages.messenger import Messenger
from tuner.serve.models.ledger import Ledger
from tuner.serve.models.takeaway import Predictor
from tuner.serve.schema import prepare
from tuner.serve.shelf.cases import Shelf
from tuner.serve.shelf.data import DataShelf
from tuner.serve.shelf.outlining import Outliner
from tuner.serve.studies.browsing import Browser
from tuner.serve.studies.counting import Counts
from tuner.serve.studies.summaries import Summaries
from tuner.serve.studies.tidying import Tidying
from tuner.serve.tokens import Sessions, Tokens
from tuner.study.database.storage import open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import RDBStorage

    from tuner.serve.messages.mailing import Mail
    from tuner.workplace import Workplace

STARTER = "the start of the service"  # stored as the person who added the mail addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything that request handlers need.

    Attributes:
        hosts: names under which browsers may reach the service, without a port.
        loopback: whether only this machine can reach it.
        secret: of this start; forms carry a key that was made with it.
        ending: set when the service is ending: it does not wait for event streams.
    """

    workplace: Workplace
    storage: RDBStorage
    shelf: Shelf
    queue: Queue
    supervisor: Supervisor
    browser: Browser
    counts: Counts
    ledger: Ledger
    predictor: Predictor
    tokens: Tokens
    acts: Acts
    hooks: Hooks
    messenger: Messenger
    hosts: frozenset[str]
    loopback: bool
    room: Room
    tidying: Tidying
    outliner: Outliner
    sessions: Sessions = field(default_factory=Sessions)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    ending: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def at(
        cls,
        workplace: Workplace,
        *,
        hosts: frozenset[str],
        loopback: bool,
        cases: Path | None = None,
        data: Path | None = None,
        workers: int | None = None,
        hook_hosts: frozenset[str] = frozenset(),
        mail: Mail | None = None,
    ) -> Service:
        """Open the database, create missing tables, and return the service.

        Args:
            cases: folder of the owner's own case files.
            data: folder of the owner's tables and pictures.
            workers: trainings that run at once, over all studies.
            hook_hosts: hosts in a private network that webhooks may name.
            mail: how to send mail when a study ends, and to whom; None for no mail.

        Raises:
            StoreError: the database cannot be used.
        """
        storage = open_storage(workplace.url, create=True)
        prepare(storage.engine)
        shelf = Shelf(cases, DataShelf(data, workplace.root / "uploads"))
        queue, room = Queue(storage.engine), Room(workplace)
        tidying = Tidying(storage.engine)
        hooks = Hooks(storage.engine, hook_hosts, mail=mail)
        hooks.note_recipients(STARTER)
        return cls(
            workplace=workplace,
            storage=storage,
            shelf=shelf,
            queue=queue,
            supervisor=Supervisor(queue, workplace, shelf, workers, room),
            browser=Browser(workplace, storage, queue, Summaries(storage), tidying),
            counts=Counts(storage),
            ledger=Ledger(storage, workplace),
            predictor=Predictor(shelf),
            tokens=Tokens(storage.engine),
            acts=Acts(storage.engine, time.time),
            hooks=hooks,
            messenger=Messenger(hooks),
            hosts=hosts,
            loopback=loopback,
            room=room,
            tidying=tidying,
            outliner=Outliner(shelf, workplace),
        )

    def form_key(self, session: str) -> str:
        """Return the key that a form of this session must contain."""
        return hmac.new(self.secret, session.encode(), "sha256").hexdigest()
