"""The observer of a run: it is told what happens, and may ask the run to stop."""

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
    """Ends a run because its observer asked for it; finished work is kept."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The study is open, and its search begins.

    Attributes:
        study: as the run sees it; an observer only reads it.
        metric: name of the score.
        data: source of the data, in words.
        done: finished trials before this run.
        total: finished trials that it ends with, or at most.
        at_most: whether it may end with fewer by itself.
        rounds: the most that the race on fresh seeds and folds has.
        models: per arm, at each look of the confirmation; empty if there is none.
        slots: fits that run at once.
        budget: seconds left for this run, which may end the search sooner; None if there is no
            budget.
        stands_in_for: the data that could not be downloaded, if other data replaces it.
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
    """A point was reported, or a trial has ended.

    Attributes:
        running: trials in training.
        ended: the trial that has just ended, if any.
    """

    running: Sequence[Running]
    ended: FrozenTrial | None


@dataclass(frozen=True, slots=True)
class SearchEnded:
    """The search trains no more trials in this run."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The next part of a run, as in "Still ..."; it may send no events for a long time.

    Attributes:
        doing: the part, in words.
        confirms: whether it is the confirmation, whose duration can be predicted.
    """

    doing: str
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class FitEnded:
    """A fit of a number of trainings has ended."""

    trainings: int


@dataclass(frozen=True, slots=True)
class Message:
    """A one-line message for the user."""

    text: str


Event: TypeAlias = Opened | Searching | SearchEnded | Stage | FitEnded | Message


class Observer(Protocol):
    """Watches a run."""

    def tell(self, event: Event) -> None:
        """React to an event."""

    def wants_stop(self) -> bool:
        """Whether the run should end as soon as it can."""


class Silent:
    """An observer that only stores the last events, and never ends a run."""

    def tell(self, event: Event) -> None:
        """Store an event."""

    def wants_stop(self) -> bool:
        """Return False."""
        return False


def telling(observer: Observer) -> Callable[[str], None]:
    """Return a function that sends a text to an observer as a message."""

    def say(text: str) -> None:
        observer.tell(Message(text))

    return say


class StoppableEngine(Generic[JobT, EventT]):
    """An engine that raises StopRequested once the observer asks for it.

    A run waits only for engines, so this is the one place to check.
    """

    def __init__(self, engine: AnyEngine[JobT, EventT], observer: Observer) -> None:
        self._engine, self._observer = engine, observer
        self._trainings: dict[int, int] = {}

    @property
    def slots(self) -> int:
        """How many fits can run at once."""
        return self._engine.slots

    def start(self, key: int, job: JobT) -> None:
        """Start a fit."""
        self._trainings[key] = job.trainings
        self._engine.start(key, job)

    def next(self, key: int, timeout: float) -> EventT | Finished | Failed | None:
        """Return the fit's next report.

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
        """Stop a fit."""
        self._engine.stop(key)

    def close(self) -> None:
        """Stop everything."""
        self._engine.close()
