"""Runs fits somewhere else, where they may be lost: a lost fit is trained again, once.

A fit that ran out of memory is also trained again, once, while no other fit uses memory.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tuner.engines.job import Failed, Finished
from tuner.interrupts import held_back

if TYPE_CHECKING:
    from collections.abc import Sequence

JobT = TypeVar("JobT")
EventT = TypeVar("EventT")

SECONDS_OF_SILENCE = 1800.0  # longer than any real training takes between two points


class LostError(Exception):
    """Raised if the worker of a fit is gone. The message says how.

    Attributes:
        killed: whether the system or a person has killed it: memory may have run out.
        begun: whether the worker had begun the fit; else it was sent to a worker that was ending.
    """

    def __init__(self, how: str, *, killed: bool = False, begun: bool = True) -> None:
        super().__init__(how)
        self.killed, self.begun = killed, begun


class Remote(Protocol):
    """One fit that runs somewhere else, seen from the engine."""

    @property
    def begun(self) -> bool:
        """Whether a worker has begun it; until then, silence means nothing."""

    def receive(self) -> Any:
        """Return the next event when a message has come; None if the message is not an event.

        Raises:
            LostError: no more messages can come.
        """

    def stop(self) -> None:
        """Stop it; its worker is free for the next fit."""

    def abandon(self) -> None:
        """End its worker, which is gone or hangs."""


@dataclass(slots=True, eq=False)
class _Fit(Generic[JobT, EventT]):
    """A fit that was asked for.

    Attributes:
        remote: where it runs; None if it waits for a slot or has ended.
        events: received events that were not handed out yet.
        received: number of points received.
        to_skip: number of points that a second attempt still has to repeat.
        waited: seconds of fruitless waiting for it, as a sum. It is not a difference of clock
            times, because a machine that slept has not waited.
        retried: whether this is its second attempt.
        alone: whether it may only run while no other fit does.
    """

    job: JobT
    remote: Remote | None = None
    events: deque[EventT | Finished | Failed] = field(default_factory=deque)
    received: int = 0
    to_skip: int = 0
    waited: float = 0.0
    retried: bool = False
    alone: bool = False


class RemoteEngine(ABC, Generic[JobT, EventT]):
    """An engine whose fits run elsewhere.

    A fit that is lost or hangs is begun once more: fits are deterministic, so the points that have
    already come are skipped and the caller notices nothing. A fit that runs out of memory, whose
    process was killed, or that was lost together with others is begun once more after all others
    have ended, and nothing runs beside it.

    Args:
        slots: number of fits at once; further ones wait, in the order in which they were started.
        patience: seconds without a point after which a fit that is waited for counts as hung.
    """

    retries_alone = True  # false if fits wait for answers: each would wait for the other
    alone_when_lost = False  # true if a breaking fit takes others with it

    def __init__(self, slots: int, patience: float) -> None:
        self.slots, self.patience = slots, patience
        self._fits: dict[int, _Fit[JobT, EventT]] = {}
        self._waiting: deque[_Fit[JobT, EventT]] = deque()

    @abstractmethod
    def _begin(self, job: JobT) -> Remote:
        """Begin a fit somewhere."""

    @abstractmethod
    def _ready(self, remotes: Sequence[Remote], timeout: float) -> Sequence[Remote]:
        """Return those with a message, after at most `timeout` seconds."""

    def start(self, key: int, job: JobT) -> None:
        """Begin a fit, or queue it for a slot."""
        self._fits[key] = _Fit[JobT, EventT](job)
        self._waiting.append(self._fits[key])
        self._hand_out()

    def next(self, key: int, timeout: float) -> EventT | Finished | Failed | None:
        """Return the fit's next event, or None if none comes within `timeout` seconds."""
        fit = self._fits[key]
        until = time.monotonic() + timeout
        while not fit.events and (left := until - time.monotonic()) > 0:
            self._collect(left)
        if fit.events:
            fit.waited = 0.0
            event = fit.events.popleft()
            if isinstance(event, Finished | Failed):
                del self._fits[key]
            return event
        if fit.remote is not None and fit.remote.begun:
            fit.waited += timeout
            if fit.waited > self.patience:
                self._lose(fit, f"sent nothing for {self.patience:g} s")
        return None

    def stop(self, key: int) -> None:
        """Stop a fit."""
        if key not in self._fits:
            return
        fit = self._fits.pop(key)
        if fit in self._waiting:
            self._waiting.remove(fit)
        elif fit.remote is not None:
            fit.remote.stop()
        self._hand_out()

    def close(self) -> None:
        """Stop everything."""
        for remote in self._at_work():
            remote.abandon()
        self._fits, self._waiting = {}, deque()

    def _at_work(self) -> dict[Remote, _Fit[JobT, EventT]]:
        return {fit.remote: fit for fit in self._fits.values() if fit.remote is not None}

    def _hand_out(self) -> None:
        at_work = self._at_work()
        free = 0 if any(fit.alone for fit in at_work.values()) else self.slots - len(at_work)
        while self._waiting and free > 0:
            if self._waiting[0].alone and free < self.slots:
                return
            fit = self._waiting.popleft()
            with held_back():  # a fit that runs but is not recorded here could not be stopped
                fit.remote = self._begin(fit.job)
            free = 0 if fit.alone else free - 1

    def _collect(self, timeout: float) -> None:
        """Collect events of all fits; begin waiting fits in the slots of ended ones."""
        sources = self._at_work()
        for remote in self._ready(tuple(sources), timeout):
            try:
                event = remote.receive()
            except LostError as lost:
                if lost.begun:
                    self._lose(sources[remote], str(lost), killed=lost.killed)
                else:
                    self._return(sources[remote])
            else:
                self._keep(sources[remote], event)

    def _keep(self, fit: _Fit[JobT, EventT], event: EventT | Finished | Failed | None) -> None:
        lacks_memory = isinstance(event, Failed) and event.out_of_memory
        if lacks_memory and self.retries_alone and not fit.retried:
            fit.remote = None
            self._again(fit, alone=True)
        elif isinstance(event, Finished | Failed):
            fit.remote = None
            fit.events.append(event)
            self._hand_out()
        elif event is not None and fit.to_skip:
            fit.to_skip -= 1
        elif event is not None:
            fit.received += 1
            fit.events.append(event)

    def _lose(self, fit: _Fit[JobT, EventT], how: str, *, killed: bool = False) -> None:
        """Begin a lost fit again; the second time, report it as failed."""
        if fit.remote is not None:
            fit.remote.abandon()
            fit.remote = None
        if fit.retried:
            fit.events.append(Failed(f"its worker was lost twice (the last {how})", may_pass=True))
            self._hand_out()
        else:
            self._again(fit, alone=self.alone_when_lost or (killed and self.retries_alone))

    def _return(self, fit: _Fit[JobT, EventT]) -> None:
        """Have a fit that no worker has begun begin before all waiting ones."""
        fit.remote = None
        self._waiting.appendleft(fit)
        self._hand_out()

    def _again(self, fit: _Fit[JobT, EventT], *, alone: bool = False) -> None:
        """Begin a fit a second time, before all waiting ones."""
        fit.retried, fit.to_skip, fit.waited, fit.alone = True, fit.received, 0.0, alone
        self._waiting.appendleft(fit)
        self._hand_out()
