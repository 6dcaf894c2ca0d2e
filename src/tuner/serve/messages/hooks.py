"""Webhooks and mail: the recipients of a study's end, and the messages to each."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tuner.errors import UsageError
from tuner.language import said
from tuner.serve.jobs.leases import ENDED
from tuner.serve.messages.mailing import SCHEME
from tuner.serve.messages.sending import Sender, new_secret
from tuner.serve.tables import Delivery, Hook, Job
from tuner.serve.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Engine

    from tuner.serve.messages.mailing import Mail

PAUSES = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 15 * 3600)  # seconds before each new attempt
LEASE = 120.0  # seconds for which a message belongs to its sender
LOOK_BACK = 30 * 24 * 3600.0  # seconds; earlier endings are not reported
MOST_HOOKS, NEWEST = 100, 200
log = logging.getLogger("tuner.serve")


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks in the database.

    Attributes:
        allowed: hosts that may be in a private network.
        mail: how to send mail, and to whom; None for no mail.
    """

    engine: Engine
    allowed: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.time
    mail: Mail | None = None

    def add(self, url: str, who: str) -> Hook:
        """Add an address that is told of every ending from now on; return the hook with its secret.

        Raises:
            UsageError: the address does not begin with https://, or is not on the public Internet.
        """
        self._sender.check(url)
        with self._session() as session:
            if len(session.scalars(select(Hook.id)).all()) >= MOST_HOOKS:
                raise UsageError(
                    said(
                        "there are {most_hooks} hooks already; remove one first",
                        most_hooks=MOST_HOOKS,
                    )
                )
            hook = Hook(url=url, secret=new_secret(), who=who, made=self.clock())
            session.add(hook)
            session.commit()
            return hook

    def note_recipients(self, who: str) -> None:
        """Add the mail recipients given at the start; they are told of endings from now on."""
        wanted = {SCHEME + one for one in (self.mail.recipients if self.mail else ())}
        known = {hook.url for hook in self.all()}
        with self._session() as session, session.begin():
            for url in sorted(wanted - known):
                session.add(Hook(url=url, secret="", who=who, made=self.clock()))

    def all(self) -> Sequence[Hook]:
        """Return all hooks."""
        with self._session() as session:
            return session.scalars(select(Hook).order_by(Hook.id)).all()

    def get(self, number: int) -> Hook:
        """Return a hook.

        Raises:
            UsageError: there is no hook with that number.
        """
        with self._session() as session:
            found = session.get(Hook, number)
        if found is None:
            raise UsageError(
                said("no hook {number}; the list of hooks shows the existing ones", number=number)
            )
        return found

    def remove(self, number: int) -> None:
        """Remove a hook and its messages.

        Raises:
            UsageError: there is no hook with that number.
        """
        self.get(number)
        with self._session() as session:
            session.execute(delete(Delivery).where(Delivery.hook == number))
            session.execute(delete(Hook).where(Hook.id == number))
            session.commit()

    def log(self, number: int) -> Sequence[Delivery]:
        """Return the messages to a hook, the newest first.

        Raises:
            UsageError: there is no hook with that number.
        """
        self.get(number)
        wanted = select(Delivery).where(Delivery.hook == number).order_by(Delivery.id.desc())
        with self._session() as session:
            return session.scalars(wanted.limit(NEWEST)).all()

    def try_out(self, number: int, who: str) -> Delivery:
        """Send a test message now, without further attempts; return its result.

        Raises:
            UsageError: there is no hook with that number.
        """
        hook = self.get(number)
        body = _body("test", self.clock(), {"who": who})
        sent = self._queued(hook.id, f"test {uuid4().hex}", "test", body)
        if sent is None:
            raise UsageError(said("hook {number} is being removed", number=number))
        self._send(hook, sent, last=True)
        with self._session() as session:
            return session.get_one(Delivery, sent.id)

    def due(self) -> list[Hook]:
        """Queue messages about what has ended; return the hooks that have a due message.

        The hook whose message has waited longest comes first.
        """
        hooks = {hook.id: hook for hook in self.all() if self._sender.serves(hook)}
        if not hooks:
            return []
        self._find(list(hooks.values()))
        waiting = select(Delivery.hook).where(*self._is_due()).group_by(Delivery.hook)
        with self._session() as session:
            found = session.scalars(waiting.order_by(func.min(Delivery.due))).all()
        return [hooks[number] for number in found if number in hooks]

    def deliver(self, hook: Hook) -> None:
        """Send the due messages to a hook, one after the other."""
        for one in self._due(hook):
            if self._claim(one):
                self._send(hook, one)

    def _find(self, hooks: Sequence[Hook]) -> None:
        since = max(min(hook.made for hook in hooks), self.clock() - LOOK_BACK)
        ended = select(Job).where(
            Job.kind == "study", Job.state.in_(ENDED), Job.ended.is_not(None), Job.ended >= since
        )
        with self._session() as session:
            jobs = session.scalars(ended).all()
            sent = select(Delivery.hook, Delivery.occasion).where(Delivery.made >= since)
            known = {(hook, occasion) for hook, occasion in session.execute(sent)}
        for hook in hooks:
            for job in jobs:
                moment = job.ended or 0.0
                occasion = f"job {job.id} at {moment!r}"
                if moment >= hook.made and (hook.id, occasion) not in known:
                    facts = {name: getattr(job, name) for name in ("study", "case", "who", "state")}
                    event = f"study.{job.state}"
                    self._queued(hook.id, occasion, event, _body(event, moment, facts))

    def _queued(self, hook: int, occasion: str, event: str, body: str) -> Delivery | None:
        """Queue a message; None if another service has queued it."""
        now = self.clock()
        waits = now + LEASE if event == "test" else now  # the caller sends a test itself
        made = Delivery(
            hook=hook,
            occasion=occasion,
            event=event,
            body=body,
            state="waiting",
            attempts=0,
            due=waits,
            made=now,
            answer="",
        )
        with self._session() as session:
            session.add(made)
            try:
                session.commit()
            except IntegrityError:
                return None
            return made

    def _is_due(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return Delivery.state == "waiting", Delivery.due <= self.clock()

    def _due(self, hook: Hook) -> Sequence[Delivery]:
        wanted = select(Delivery).where(Delivery.hook == hook.id, *self._is_due())
        with self._session() as session:
            return session.scalars(wanted.order_by(Delivery.due).limit(20)).all()

    def _claim(self, one: Delivery) -> bool:
        with self._session() as session:
            taken = session.connection().execute(
                update(Delivery)
                .where(Delivery.id == one.id, Delivery.state == "waiting", Delivery.due == one.due)
                .values(due=self.clock() + LEASE)
            )
            session.commit()
            return taken.rowcount == 1

    def _send(self, hook: Hook, one: Delivery, *, last: bool = False) -> None:
        """Try once to deliver a message, and record the result."""
        attempts, now = one.attempts + 1, self.clock()
        try:
            good, answer = self._sender.send(hook, one, now)
        except Exception as error:  # this message fails, but the others are still sent
            log.warning("hook %d: %s: %s", hook.id, type(error).__name__, error)
            good, answer = False, str(error) or type(error).__name__
        over = good or last or attempts > len(PAUSES)
        state = "delivered" if good else "failed" if over else "waiting"
        due = now if over else now + PAUSES[attempts - 1]
        with self._session() as session:
            session.execute(
                update(Delivery)
                .where(Delivery.id == one.id)
                .values(
                    state=state,
                    attempts=attempts,
                    due=due,
                    ended=now if over else None,
                    answer=answer,
                )
            )
            session.commit()

    @property
    def _sender(self) -> Sender:
        return Sender(self.allowed, self.mail)

    def _session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)


def _body(event: str, moment: float, facts: dict[str, Any]) -> str:
    return json.dumps({"type": event, "timestamp": iso(moment), "data": facts})
