"""The contract of engines: a job goes in, points come back, and at the end how it ended."""

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
    """A seed, and the rows to train on with it.

    Attributes:
        seed: of weights, batches, dropout and augmentation.
        split_seed: of the folds; None to train on all development data and validate on none.
        fold: index of the only fold to train on; None for the first `folds`, in lockstep.
        folds: how many; None for all.
        weights: file for the trained weights (of the first fold); None to discard them.
    """

    seed: int
    split_seed: int | None
    fold: int | None = None
    folds: int | None = None
    weights: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A fit, described by names that a worker can look up for itself.

    Attributes:
        case: name of a case, or the path of its file.
        hyperparameters: all of them, as a dictionary.
        source: hash that a worker's copy of the case's code must have; None for any.
        data: folder of the cached data set.
        replicas: one; or several of one fold each, trained together with the results of separate
            trainings.
        stop_after: epochs to train, if fewer than the hyperparameters say.
        metric: name of the metric to use instead of the case's own; None for the case's own.
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
        """Number of models that it trains."""
        return len(self.replicas)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopJob:
    """One call of a user's own loop, in a process of its own.

    Attributes:
        loop: its file and function, `train.py:objective`.
        number: of the trial.
        preset: values, by name, for the hyperparameters that it asks for; a missing name gets the
            middle of its range. None to ask the engine instead.
        preset_in: where a person has written these, so that each is checked; empty if a study did.
        source: hash that the loop's code must still have; None for any.
        folder: folder for its files, which is kept; None for one that is removed at the end.
        test: whether it may open its test rows.
        repeats: number of further calls in the same process, to see what a call leaves behind.
    """

    loop: str
    number: int
    seed: int
    direction: Direction
    preset: Mapping[str, Any] | None = None
    preset_in: str = ""
    source: str | None = None
    folder: Path | None = None
    test: bool = False
    repeats: int = 0
    plan: Plan = field(default_factory=Plan)

    @property
    def trainings(self) -> int:
        """Number of models that it trains."""
        return 1


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a fit that ran to its end.

    Attributes:
        seconds: duration, without the wait for a worker.
        outcome: of a loop: its result; None if it raised TrialPruned.
    """

    seconds: float
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The result of a fit that raised, or whose worker died twice.

    Attributes:
        reason: one line; it names the line of the user's code that raised, if one did.
        diverged: whether a loss or a score was not finite.
        may_pass: whether the machine was the reason (no memory, a lost worker, a full disk), so
            that the same fit may succeed another time; otherwise it fails each time.
        out_of_memory: whether the GPU or the machine ran out of memory; alone, the fit may have
            enough.
        crashed: whether a user's loop raised, exited, or died of a signal during its training: this
            call ends like that, but others may not.
        traceback: of the exception; empty if tuner itself refused something.
    """

    reason: str
    diverged: bool = False
    may_pass: bool = False
    out_of_memory: bool = False
    crashed: bool = False
    traceback: str = field(default="", compare=False)

    @property
    def what_to_do(self) -> str:
        """Advice for the user, as a sentence."""
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
    """Runs fits. A key names a running fit; fits beyond `slots` wait and begin in order."""

    @property
    def slots(self) -> int:
        """Number of fits that can run at once."""

    def start(self, key: int, job: JobT) -> None:
        """Begin a fit, or queue it. The engine may compute its points ahead of `next`."""

    def next(self, key: int, timeout: float) -> EventT | Finished | Failed | None:
        """Return the fit's next report, or None if none comes within `timeout` seconds.

        After Finished or Failed the key is free.
        """

    def stop(self, key: int) -> None:
        """Stop a fit, if it still runs; it reports nothing more, and its key is free."""

    def close(self) -> None:
        """Stop everything and free all resources. Can be called twice."""


Engine: TypeAlias = AnyEngine[Job, ReportPoint]
LoopRunner: TypeAlias = AnyEngine[LoopJob, Question | Told]


def always() -> bool:
    """Return True: the default of `may_begin`."""
    return True


def run_all(
    engine: AnyEngine[SomeJob, SomeEvent],
    jobs: Mapping[int, SomeJob],
    on_end: Callable[[int, Finished | Failed, Sequence[SomeEvent]], None],
    may_begin: Callable[[], bool] = always,
) -> None:
    """Run jobs on all slots of an engine, and report each end as soon as it is known.

    Args:
        jobs: in the order in which they begin.
        on_end: is called with a job's key, its result and its points.
        may_begin: is called before each job; once it returns False, no more jobs begin.

    On any exception, all running fits are stopped.
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
