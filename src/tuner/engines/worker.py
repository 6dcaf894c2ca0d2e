"""What a worker does with a job: find its case, data and folds, and train."""

from __future__ import annotations

import time
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from tuner.case.loading import load_case
from tuner.case.source import file_of, source_of
from tuner.data import cache
from tuner.data.splits import everything, folds
from tuner.engines.job import Failed, Finished
from tuner.errors import CaseError, DivergedError, TrainingError, first_line
from tuner.training.fitting import fit

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold
    from tuner.engines.job import Event, Job, Replica
    from tuner.training.fitting import ReportPoint


def run(job: Job) -> Generator[ReportPoint, None, Finished]:
    """Run a job here and now.

    Raises:
        Exception: whatever the case or its training raises.
    """
    case = _case(job.case, job.source or _digest(job.case))
    data = _data(job.data)
    splits = chain.from_iterable(_splits(job.data, data, one) for one in job.replicas)
    seed = job.replicas[0].seed if len(job.replicas) == 1 else [one.seed for one in job.replicas]
    hyperparameters = case.hyperparameters(job.hyperparameters)
    began = time.perf_counter()
    fitted = yield from fit(
        case, hyperparameters, data, tuple(splits), seed, job.plan, stop_after=job.stop_after
    )
    for one, model in zip(job.replicas, fitted, strict=len(job.replicas) > 1):
        if one.weights is not None:
            model.save(one.weights)
    return Finished(time.perf_counter() - began)


def advance(running: Generator[ReportPoint, None, Finished]) -> Event:
    """Run a job to its next event. What a case or its training raises becomes Failed.

    Whatever a user's case raises, running out of memory and an exit included, costs one trial and
    not the study, so all that is caught here, and its type and message are the reason.
    """
    try:
        return next(running)
    except StopIteration as end:
        finished: Finished = end.value
        return finished
    except TrainingError as error:
        return Failed(str(error), diverged=isinstance(error, DivergedError))
    except (Exception, SystemExit) as error:
        return Failed(": ".join(filter(None, (type(error).__name__, first_line(error)))))


# A worker runs many jobs of one study: it reads the case, the data and the folds once.
@lru_cache(maxsize=1)
def _case(reference: str, digest: str) -> Case:
    if reference.endswith(".py") and _digest(reference) != digest:
        raise CaseError(
            f"{file_of(reference)} or a module beside it was edited while the study ran; the same "
            "command says what that means"
        )
    return load_case(reference)


def _digest(reference: str) -> str:
    return source_of(reference).digest if reference.endswith(".py") else ""


_data = lru_cache(maxsize=1)(cache.load)


def _splits(data: Path, dataset: Dataset, one: Replica) -> tuple[Fold, ...]:
    if one.split_seed is None:
        return everything(dataset.development)
    splits = _folds(data, one.split_seed)
    return splits if one.fold is None else splits[one.fold : one.fold + 1]


@lru_cache(maxsize=8)
def _folds(data: Path, seed: int) -> tuple[Fold, ...]:
    dataset = _data(data)
    return folds(dataset.development, dataset.validation, seed)
