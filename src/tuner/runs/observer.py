"""Who watches a run: is told what happens, and may ask it to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

from tuner.engines.job import Failed, Finished, Job, LoopJob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from tuner.engines.job import AnyEngine
    from tuner.search.lineup import Running

JobT = TypeVar("JobT", bound=Job | LoopJob)
EventT = TypeVar("EventT")


class StopRequested(Exception):  # noqa: N818  # not an error: the observer asked for it
    """Ends a run where its observer asked it to stop; finished work is kept."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The study is open, and its search begins.

    Attributes:
        study: as the run sees it; an observer reads it and writes nothing.
        metric: what the score is called.
        data: where it comes from, in words.
        done: finished trials before this run.
        total: finished trials that it ends with, or at most.
        at_most: whether it may end with fewer by itself.
        rounds: at most, of the race on fresh seeds and folds.
        models: an arm, at each look of the confirmation; empty: there is none.
        slots: fits that run at once.
        budget: seconds left for this run, which may end the search sooner; None: there is none.
        stands_in_for: the data that could not be downloaded, where other data replaces it.
    """

    study: optuna.Study
    metric: str
    data: str
    done: int
    total: int
    at_most: bool
    rounds: int = 0
    models: tuple[int, ...] = ()
    slots: int = 1
    budget: float | None = None
    stands_in_for: str | None = None


@dataclass(frozen=True, slots=True)
class Searching:
    """A point has come, or a trial has ended.

    Attributes:
        running: trials in training.
        ended: the trial that has ended just now, if one has.
    """

    running: Sequence[Running]
    ended: FrozenTrial | None


@dataclass(frozen=True, slots=True)
class SearchEnded:
    """No more trials are trained in this run."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run begins now, as in "Still ...": it may say nothing for a long time.

    Attributes:
        doing: in words.
        confirms: whether it is the confirmation, of which it is known how long it may take.
    """

    doing: str
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class FitEnded:
    """A fit has ended, of so many trainings."""

    trainings: int


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell a person, in one line."""

    text: str


Event: TypeAlias = Opened | Searching | SearchEnded | Stage | FitEnded | Message


class Observer(Protocol):
    """Somebody who watches a run."""

    def tell(self, event: Event) -> None:
        """Be told that something has happened."""

    def wants_stop(self) -> bool:
        """Whether the run is to end as soon as it can."""


class Silent:
    """An observer that keeps what it is told to itself, and lets a run end by itself."""

    def tell(self, event: Event) -> None:
        """Keep it."""

    def wants_stop(self) -> bool:
        """Never."""
        return False


def telling(observer: Observer) -> Callable[[str], None]:
    """Return what tells an observer a text as a message."""

    def say(text: str) -> None:
        observer.tell(Message(text))

    return say


class StoppableEngine(Generic[JobT, EventT]):
    """An engine that raises StopRequested once the observer asks for it.

    All waiting of a run is waiting for an engine, so this is the one place to ask.
    """

    def __init__(self, engine: AnyEngine[JobT, EventT], observer: Observer) -> None:
        self._engine, self._observer = engine, observer
        self._trainings: dict[int, int] = {}

    @property
    def slots(self) -> int:
        """How many fits can run at once."""
        return self._engine.slots

    def start(self, key: int, job: JobT) -> None:
        """Begin a fit."""
        self._trainings[key] = job.trainings
        self._engine.start(key, job)

    def next(self, key: int, timeout: float) -> EventT | Finished | Failed | None:
        """Return what the fit reported next.

        Raises:
            StopRequested: the observer asked for it.
        """
        if self._observer.wants_stop():
            raise StopRequested
        event = self._engine.next(key, timeout)
        if isinstance(event, Finished | Failed):
            self._observer.tell(FitEnded(self._trainings.pop(key)))
        return event

    def stop(self, key: int) -> None:
        """Give up a fit."""
        self._engine.stop(key)

    def close(self) -> None:
        """Stop everything."""
        self._engine.close()
