"""Runs a job in a worker: finds its case, data and folds, and trains."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from tuner.case.loading import load_case
from tuner.case.source import file_of, source_of
from tuner.data import cache
from tuner.data.splits import everything, folds
from tuner.engines.job import Failed, Finished
from tuner.errors import CaseError, DivergedError, TrainingError
from tuner.training.blame import blame, trace_of
from tuner.training.device import is_out_of_memory
from tuner.training.fitting import fit_in_turns
from tuner.training.lanes import without_turns

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tuner.case.contract import Case
    from tuner.data.splits import Fold
    from tuner.engines.job import Job, Replica
    from tuner.training.fitting import ReportPoint
    from tuner.training.lanes import Turn

EventT = TypeVar("EventT")


class Reader:
    """Reads what jobs name. The case, data and folds of one study are read only once.

    Each engine has readers of its own. So in a process that lives longer, such as a notebook, an
    edited case is read again by the next engine, but never in the middle of a study.
    """

    def __init__(self) -> None:
        self._case = lru_cache(maxsize=1)(self._load_case)
        self.data = lru_cache(maxsize=1)(cache.load)
        self._split = lru_cache(maxsize=8)(self._make_folds)

    def case(self, job: Job) -> Case:
        """Return the case of a job.

        Raises:
            CaseError: its code has changed since the job was made.
        """
        return self._case(job.case, job.source, job.data, job.metric)

    def _load_case(
        self, reference: str, digest: str | None, data: Path, metric: str | None
    ) -> Case:
        return _load(reference, digest).settled(self.data(data)).scored_by(metric)

    def folds(self, data: Path, replica: Replica) -> tuple[Fold, ...]:
        """Return the folds that a replica trains on."""
        if replica.split_seed is None:
            return everything(self.data(data).development)
        splits = self._split(data, replica.split_seed)
        if replica.fold is None:
            return splits[: replica.folds]
        return splits[replica.fold : replica.fold + 1]

    def _make_folds(self, data: Path, seed: int) -> tuple[Fold, ...]:
        dataset = self.data(data)
        return folds(dataset.development, dataset.validation, seed)


def _load(reference: str, digest: str | None) -> Case:
    if digest is not None and source_of(reference).digest != digest:
        raise CaseError(
            f"{file_of(reference)} or a module beside it was edited while the study ran; run the "
            "same command again, and it says what that means"
        )
    return load_case(reference)


def run(job: Job, reader: Reader | None = None) -> Generator[ReportPoint, None, Finished]:
    """Run a job in this process.

    Args:
        reader: may already have read what earlier jobs named; None for a new one.

    Raises:
        Exception: anything that the case or its training raises.
    """
    return (yield from without_turns(run_in_turns(job, reader)))


def run_in_turns(
    job: Job, reader: Reader | None = None
) -> Generator[ReportPoint | Turn, None, Finished]:
    """Run a job like `run`, and also yield a turn wherever others may use the processor."""
    reader = reader or Reader()
    case, data = reader.case(job), reader.data(job.data)
    splits = chain.from_iterable(reader.folds(job.data, one) for one in job.replicas)
    seed = job.replicas[0].seed if len(job.replicas) == 1 else [one.seed for one in job.replicas]
    hyperparameters = case.hyperparameters(job.hyperparameters)
    began = time.perf_counter()
    fitted = yield from fit_in_turns(
        case, hyperparameters, data, tuple(splits), seed, job.plan, stop_after=job.stop_after
    )
    for one, model in zip(job.replicas, fitted, strict=len(job.replicas) > 1):
        if one.weights is not None:
            model.save(one.weights)
    return Finished(time.perf_counter() - began)


def advance(running: Generator[EventT, None, Finished]) -> EventT | Finished | Failed:
    """Run a job to its next event. An exception of a case or its training becomes Failed.

    Whatever a user's case raises, including MemoryError and SystemExit, costs one trial and not the
    study, so everything is caught here. The line, type and message are the reason.
    """
    try:
        return next(running)
    except StopIteration as end:
        finished: Finished = end.value
        return finished
    except (Exception, SystemExit) as error:
        return failed_by(error)


def failed_by(error: BaseException) -> Failed:
    """Return the result of a job that has raised this exception."""
    if isinstance(error, TrainingError):
        return Failed(str(error), diverged=isinstance(error, DivergedError))
    return Failed(
        _same_each_time(blame(error)),
        may_pass=_may_pass(error),
        out_of_memory=is_out_of_memory(error),
        traceback=trace_of(error),
    )


def _same_each_time(reason: str) -> str:
    """Remove the figures from a reason that depend on other users of a GPU's memory."""
    return re.sub(r"(CUDA out of memory\. Tried to allocate .*?\.) GPU \d+ has .*", r"\1", reason)


def _may_pass(error: BaseException) -> bool:
    """Whether the state of the machine caused an error, so that it may not come again."""
    if isinstance(error, OSError):
        return not isinstance(error, FileNotFoundError)
    return is_out_of_memory(error)
