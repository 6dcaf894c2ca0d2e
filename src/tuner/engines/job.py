"""A fit as an engine sees it: a job goes in, points come back, then its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from tuner.own.loops.events import Outcome, Question, Told
from tuner.training.fitting import ReportPoint
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tuner.case.metric import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A seed, and the rows that are trained on with it.

    Attributes:
        seed: of weights, batches, dropout and augmentation.
        split_seed: of the folds; None: train on all development data, validate on none.
        fold: number of the only fold to train; None: the first `folds` folds, in lockstep.
        folds: how many; None: all.
        weights: file for the trained weights (of the first fold); None: they are not saved.
    """

    seed: int
    split_seed: int | None
    fold: int | None = None
    folds: int | None = None
    weights: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One fit, described so that a worker can look up the rest.

    Attributes:
        case: name of a case, or the path of its file.
        hyperparameters: all of them, as a dictionary.
        source: hash of the case's code, which the worker's copy must have; None: not checked.
        data: folder of the cached data set.
        replicas: one; or several of one fold each, trained together as if each were alone.
        stop_after: epochs to train, if fewer than in the hyperparameters.
        metric: what is searched for instead of the case's own metric; None: the case's own.
    """

    case: str
    hyperparameters: Mapping[str, Any]
    data: Path
    replicas: tuple[Replica, ...]
    plan: Plan
    stop_after: int | None = None
    source: str | None = None
    metric: str | None = None

    @property
    def trainings(self) -> int:
        """How many models it trains."""
        return len(self.replicas)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopJob:
    """One call of the user's own loop, in its own process.

    Attributes:
        loop: its file and function, `train.py:objective`.
        number: of the trial.
        preset: values, by name, for the hyperparameters that it asks for; a missing name gets the
            middle of its range. None: it asks the engine.
        source: hash of the loop's code, which must not have changed; None: not checked.
        folder: for its files, which are kept; None: a folder that is removed after the call.
        test: whether its test rows are opened.
        repeats: how often it is called again in the same process, to see what a call leaves there.
    """

    loop: str
    number: int
    seed: int
    direction: Direction
    preset: Mapping[str, Any] | None = None
    source: str | None = None
    folder: Path | None = None
    test: bool = False
    repeats: int = 0
    plan: Plan = field(default_factory=Plan)

    @property
    def trainings(self) -> int:
        """How many models it trains."""
        return 1


@dataclass(frozen=True, slots=True)
class Finished:
    """A fit ran to its end.

    Attributes:
        seconds: duration, without waiting for a worker.
        outcome: result of a loop; None: it raised TrialPruned.
    """

    seconds: float
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A fit raised, or its worker died twice.

    Attributes:
        reason: one line; it names the line of the user's code that raised, if one did.
        diverged: a loss or a score was not finite.
        may_pass: the reason is the machine (no memory, a lost worker, a full disk), so the
            same fit may succeed another time; otherwise it fails each time.
        out_of_memory: its GPU or the machine had no memory left: alone, it may have enough.
        crashed: the user's loop raised an exception, exited, or died of a signal while training:
            this call ends so, but other calls may not.
        traceback: of the exception; empty if tuner itself refused.
    """

    reason: str
    diverged: bool = False
    may_pass: bool = False
    out_of_memory: bool = False
    crashed: bool = False
    traceback: str = field(default="", compare=False)

    @property
    def what_to_do(self) -> str:
        """What a person can do about it, as a sentence."""
        if self.out_of_memory:
            return (
                "There was too little memory for it. Take fewer workers, a larger machine, or a "
                "smaller batch_size. Finished work is kept: run the same command again to retry."
            )
        if self.may_pass:
            return "Finished work is kept. Run the same command again to retry."
        if self.diverged:
            return (
                "It will do so each time, with this seed on this machine. Narrow the search space, "
                "for example its learning rates, and start a new study with --name."
            )
        return (
            "It will fail in the same way each time. Fix the code, and run the same command with "
            "--accept-changes, which keeps the trials; or start a new study with --name."
        )


Event: TypeAlias = ReportPoint | Finished | Failed
LoopEvent: TypeAlias = Question | Told | Finished | Failed
JobT = TypeVar("JobT", contravariant=True)
EventT = TypeVar("EventT", covariant=True)
SomeJob = TypeVar("SomeJob")
SomeEvent = TypeVar("SomeEvent")


class AnyEngine(Protocol[JobT, EventT]):
    """Runs fits. A key names a running fit; fits beyond `slots` wait and start in their order."""

    @property
    def slots(self) -> int:
        """How many fits can run at once."""

    def start(self, key: int, job: JobT) -> None:
        """Start a fit, or queue it. The engine may compute its points ahead of `next`."""

    def next(self, key: int, timeout: float) -> EventT | Finished | Failed | None:
        """Return the next report of the fit, or None if none came for `timeout` seconds.

        After Finished or Failed the key is free.
        """

    def stop(self, key: int) -> None:
        """Stop a fit, if it still runs; nothing more comes from it, and its key is free."""

    def close(self) -> None:
        """Stop everything and free all resources. Can be called twice."""


Engine: TypeAlias = AnyEngine[Job, ReportPoint]
LoopRunner: TypeAlias = AnyEngine[LoopJob, Question | Told]


def always() -> bool:
    """Say that a job may begin."""
    return True


def run_all(
    engine: AnyEngine[SomeJob, SomeEvent],
    jobs: Mapping[int, SomeJob],
    on_end: Callable[[int, Finished | Failed, Sequence[SomeEvent]], None],
    may_begin: Callable[[], bool] = always,
) -> None:
    """Run jobs on every slot of an engine, and report how each ended as soon as it is known.

    Args:
        jobs: in the order in which they are started.
        on_end: gets a job's key, how it ended, and its points.
        may_begin: is asked before each job; after a no, no further job is started.

    On any exception all fits that still run are stopped.
    """
    waiting = list(jobs)
    running: dict[int, list[SomeEvent]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < engine.slots:
                if not may_begin():
                    waiting.clear()
                    break
                key = waiting.pop(0)
                engine.start(key, jobs[key])
                running[key] = []
            for key in tuple(running):
                event = engine.next(key, timeout=0.2 / len(running))
                if isinstance(event, Finished | Failed):
                    on_end(key, event, running.pop(key))
                elif event is not None:
                    running[key].append(event)
    finally:
        for key in running:
            engine.stop(key)
