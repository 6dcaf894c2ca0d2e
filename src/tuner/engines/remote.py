"""Fits that run somewhere else, and may be lost there: what is lost is trained again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tuner.fits import Event, Failed, Finished

if TYPE_CHECKING:
    from tuner.fits import Job

SECONDS_OF_SILENCE = 1800.0  # longer than an honest training takes from one point to the next


class LostError(Exception):
    """What ran a fit is gone. The message says how it went."""


class Remote(Protocol):
    """One fit, running somewhere else, seen from here."""

    @property
    def begun(self) -> bool:
        """Whether something runs it yet; until then its silence means nothing."""

    def receive(self, timeout: float) -> Event | None:
        """Return what it sent next, or None when nothing came for `timeout` seconds.

        Raises:
            LostError: nothing will come any more.
        """

    def stop(self) -> None:
        """Give it up; what ran it is free for the next."""

    def abandon(self) -> None:
        """End whatever runs it, which is gone, or hangs."""


@dataclass(slots=True)
class _Running:
    """A fit under way: how many points of it were handed out, and whether this is its second try.

    How long it has been waited for is the sum of vain waits, in seconds, and no difference of
    clocks: a machine that slept has not waited.
    """

    job: Job
    remote: Remote
    handed_out: int = 0
    to_skip: int = 0
    waited: float = 0.0
    retried: bool = False


class RemoteEngine(ABC):
    """An engine whose fits run elsewhere.

    A fit that is lost or hangs is begun once more: fits are deterministic, so the points already
    handed out are skipped and the consumer notices nothing.

    Args:
        slots: how many fits at once.
        patience: seconds without a point after which a fit that is waited for counts as hung.
    """

    def __init__(self, slots: int, patience: float) -> None:
        self.slots, self.patience = slots, patience
        self._running: dict[int, _Running] = {}

    @abstractmethod
    def _begin(self, job: Job) -> Remote:
        """Have a fit begun somewhere."""

    def start(self, key: int, job: Job) -> None:
        """Begin a fit."""
        self._running[key] = _Running(job, self._begin(job))

    def next(self, key: int, timeout: float) -> Event | None:
        """Return what the fit sent next, or None when nothing came for `timeout` seconds."""
        running = self._running[key]
        try:
            event = running.remote.receive(timeout)
        except LostError as lost:
            return self._retry(key, str(lost))
        if event is None:
            if running.remote.begun:
                running.waited += timeout
            if running.waited > self.patience:
                return self._retry(key, f"sent nothing for {self.patience:g} s")
            return None
        running.waited = 0.0
        if isinstance(event, Finished | Failed):
            del self._running[key]
            return event
        if running.to_skip:
            running.to_skip -= 1
            return None
        running.handed_out += 1
        return event

    def stop(self, key: int) -> None:
        """Give up a fit."""
        if key in self._running:
            self._running.pop(key).remote.stop()

    def close(self) -> None:
        """End everything."""
        for running in self._running.values():
            running.remote.abandon()
        self._running = {}

    def _retry(self, key: int, how: str) -> Failed | None:
        """Begin a fit again; the second time, give it up."""
        running = self._running[key]
        running.remote.abandon()
        if running.retried:
            del self._running[key]
            return Failed(f"its worker was lost twice (the last {how})")
        running.remote = self._begin(running.job)
        running.retried, running.to_skip, running.waited = True, running.handed_out, 0.0
        return None
