"""Train a case: one generator that yields a point at each validation.

All data is in memory from the start; images are scaled and augmented batch by batch. The folds of a
fit train in lockstep, and a point is their mean. The caller, which consumes the points, decides
whether to continue: nothing here knows what a trial is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from tuner.errors import DivergedError
from tuner.training.device import CARD, computing
from tuner.training.lanes import Turn, without_turns
from tuner.training.learner import make_learners
from tuner.training.optimizing import check
from tuner.training.step import make_trainers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from torch import Tensor

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold
    from tuner.training.inference import Fitted
    from tuner.training.plan import Plan
    from tuner.training.step import Trainer

T = TypeVar("T")
STEPS_IN_TURN = 8  # of one trainer that a GPU gets, before it gets some of the next


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPoint:
    """One validation during a training.

    Attributes:
        step: number of points so far, this one included.
        epoch: epochs done; a whole number at the end of an epoch.
        train_loss: mean over the rows since the previous point, and over folds.
        train_metric: the case's metric on those rows, which were augmented.
        validation: the case's metric, mean over folds; None if nothing is held out.
        fold_scores: the metric on each fold's validation part.
        fold_surrogates: the metric's surrogate on each fold; empty: it has none.
        work: work so far, as `tuner.training.work` counts it from shapes: equal on all machines.
    """

    step: int
    epoch: float
    train_loss: float
    train_metric: float
    validation: float | None
    fold_scores: tuple[float, ...]
    work: float
    fold_surrogates: tuple[float, ...] = ()

    @property
    def ends_epoch(self) -> bool:
        """Whether this point ends an epoch, where early stopping may end the training."""
        return self.epoch.is_integer()


def fit(
    case: Case,
    hyperparameters: Hyperparameters,
    data: Dataset,
    folds: Sequence[Fold],
    seed: int | Sequence[int],
    plan: Plan,
    stop_after: int | None = None,
) -> Generator[ReportPoint, None, tuple[Fitted, ...]]:
    """Train one model per fold, in lockstep, and yield a point at each validation.

    Seeds the global generators of torch, NumPy and Python. The same arguments on the same machine
    give the same points and weights, bit for bit.

    Args:
        seed: of all random numbers; or one seed per fold: then each fold trains as it would alone,
            within the tolerance of float32.
        stop_after: train for exactly this many epochs, if the hyperparameters have more: early
            stopping is off. A schedule still runs over the epochs of the hyperparameters.

    Returns:
        The model of each fold with the weights of the last trained epoch.

    Raises:
        DivergedError: the training loss or a validation score is not finite.
        TrainingError: the trainer does not know these hyperparameters, the model's outputs
            do not fit the task, or a batch does not fit the model.
    """
    running = fit_in_turns(case, hyperparameters, data, folds, seed, plan, stop_after)
    return (yield from without_turns(running))


def fit_in_turns(
    case: Case,
    hyperparameters: Hyperparameters,
    data: Dataset,
    folds: Sequence[Fold],
    seed: int | Sequence[int],
    plan: Plan,
    stop_after: int | None = None,
) -> Generator[ReportPoint | Turn, None, tuple[Fitted, ...]]:
    """Do what `fit` does, and on a GPU also yield a turn whenever others may use the processor.

    So several trainings in one process keep a GPU busy: each yields a turn after it has queued some
    steps, and has nothing to do until the GPU has finished the steps before them. A training needs
    the global random generators unchanged from the end of one turn to the start of the next.
    """
    check(hyperparameters, case)
    with computing(plan):
        learners = make_learners(case, hyperparameters, data, folds, seed, plan.device)
        trainers = make_trainers(case, hyperparameters, data, learners, plan)
    try:
        yield from _epochs(case, hyperparameters, trainers, plan, stop_after)
    finally:  # also if the caller stops taking points
        for trainer in trainers:
            trainer.lane.finish()
    return _by_place(trainers, [trainer.fitted() for trainer in trainers])


def _epochs(
    case: Case,
    hyperparameters: Hyperparameters,
    trainers: Sequence[Trainer],
    plan: Plan,
    stop_after: int | None,
) -> Iterator[ReportPoint | Turn]:
    best: float | None = None
    best_epoch = step = 0
    for epoch in range(1, 1 + min(hyperparameters.epochs, stop_after or hyperparameters.epochs)):
        parts = _parts([trainer.shuffled() for trainer in trainers], case.points_per_epoch)
        for part, batches in enumerate(parts, start=1):
            step += 1
            yield from _train(trainers, batches, plan)
            with computing(plan):
                queued = _queue_report(trainers)
            if marks := _marks(trainers):
                yield Turn(marks)
            point = _read(trainers, queued, step, epoch - 1 + part / len(parts))
            if (
                stop_after is None
                and point.ends_epoch
                and point.validation is not None
                and (best is None or case.metric.better(point.validation, best))
            ):
                best, best_epoch = point.validation, epoch
            yield point
        for trainer in trainers:
            trainer.end_epoch()
        if (
            hyperparameters.early_stopping
            and best is not None
            and epoch - best_epoch >= hyperparameters.patience
        ):
            break


def _train(
    trainers: Sequence[Trainer], batches: Sequence[Sequence[Tensor]], plan: Plan
) -> Iterator[Turn]:
    """Train each trainer on its batches: one after the other, or side by side."""
    longest = max(map(len, batches))
    turn = STEPS_IN_TURN if plan.device == CARD else longest
    before: list[Any] = []
    for start in range(0, longest, turn):
        with computing(plan):
            for trainer, own in zip(trainers, batches, strict=True):
                trainer.train(own[start : start + turn])
        if marks := _marks(trainers):
            yield Turn(before)  # the GPU still has these steps to do after the earlier ones
            before = marks


def _marks(trainers: Sequence[Trainer]) -> list[Any]:
    return [trainer.lane.mark() for trainer in trainers if trainer.lane.parallel]


def _parts(epochs: Sequence[list[Tensor]], points: int) -> list[list[list[Tensor]]]:
    """Cut each trainer's batches of an epoch into equal parts, at most `points` for each."""
    count = min(points, *map(len, epochs))
    cuts = []
    for batches in epochs:
        edges = [round(part * len(batches) / count) for part in range(count + 1)]
        cuts.append([batches[start:end] for start, end in pairwise(edges)])
    return [list(own) for own in zip(*cuts, strict=True)]


def _by_place(trainers: Sequence[Trainer], parts: Iterable[Sequence[T]]) -> tuple[T, ...]:
    """Put the values that trainers have for each learner, if any, into the order of the folds."""
    places = [learner.place for trainer in trainers for learner in trainer.learners]
    found = dict(zip(places, chain.from_iterable(parts), strict=False))
    return tuple(found[place] for place in sorted(found))


def _queue_report(trainers: Sequence[Trainer]) -> list[Tensor]:
    """Return the values of a report, not yet read from the device.

    Loss and metric of each trainer's steps, then the score of each fold, then its surrogate.
    """
    told = list(chain.from_iterable(trainer.progress() for trainer in trainers))
    validated = _by_place(trainers, [trainer.validate() for trainer in trainers])
    return [*told, *chain.from_iterable(zip(*validated, strict=True))]


def _read(
    trainers: Sequence[Trainer], queued: Sequence[Tensor], step: int, epoch: float
) -> ReportPoint:
    for trainer in trainers:
        trainer.lane.join()
    numbers, told = _numbers(queued), 2 * len(trainers)
    losses, metrics = numbers[:told:2], numbers[1:told:2]
    sizes = [len(trainer.learners) for trainer in trainers]
    fold_scores = tuple(numbers[told : told + sum(sizes)])
    train_loss = _mean_over_folds(losses, sizes)
    for name, value in [("training loss", train_loss), *(("score", s) for s in numbers[told:])]:
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value} at epoch {epoch:g}")
    return ReportPoint(
        step=step,
        epoch=epoch,
        train_loss=train_loss,
        train_metric=_mean_over_folds(metrics, sizes),
        validation=sum(fold_scores) / len(fold_scores) if fold_scores else None,
        fold_scores=fold_scores,
        work=sum(trainer.work for trainer in trainers),
        fold_surrogates=tuple(numbers[told + sum(sizes) :]),
    )


def _numbers(values: Sequence[Tensor]) -> list[float]:
    """Read all scalar values at once: the only time that a report point waits for a GPU.

    Values that a metric computed on the processor need no wait.
    """
    device = values[0].device
    made = [value.reshape(()).to(device, torch.float64) for value in values]
    read: list[float] = torch.stack(made).tolist()
    return read


def _mean_over_folds(means: Sequence[float], folds: Sequence[int]) -> float:
    """Return the mean over all folds, from means over some of them each."""
    if len(set(folds)) == 1:  # the same number, but a weighted mean would be rounded differently
        return sum(means) / len(means)
    return sum(mean * count for mean, count in zip(means, folds, strict=True)) / sum(folds)
