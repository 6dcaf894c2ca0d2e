"""Train a case: one generator that yields a point at each validation.

Everything is in memory from the start; images are scaled and augmented by the batch. The folds of a
fit train in lockstep, and a point is their mean. Whoever consumes the points decides whether to go
on: nothing here knows what a trial is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, TypeVar

import torch

from tuner.errors import DivergedError
from tuner.training.step import make_groups

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from torch import Tensor

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold
    from tuner.training.inference import Fitted
    from tuner.training.plan import Plan
    from tuner.training.step import Group

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPoint:
    """One validation on the way.

    Attributes:
        step: how many points there have been, this one included.
        epoch: epochs done; a whole number at the end of an epoch.
        train_loss: mean over the rows since the point before, and over folds.
        train_metric: the case's metric on those rows, augmented as they were.
        validation: the case's metric, mean over folds; None where nothing is held out.
        fold_scores: the metric on each fold's validation part.
        work: so far, as `tuner.training.work` counts it from shapes: the same on every machine.
    """

    step: int
    epoch: float
    train_loss: float
    train_metric: float
    validation: float | None
    fold_scores: tuple[float, ...]
    work: float

    @property
    def ends_epoch(self) -> bool:
        """Whether this point is at the end of an epoch, where weights may be kept."""
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
    """Train one model a fold, in lockstep, and yield a point at each validation.

    Seeds torch's global generator. The same arguments on the same machine give the same points and
    weights, bit for bit.

    Args:
        seed: of all that is drawn; or one a fold, each of which then trains as it would alone,
            within the tolerance of float32.
        stop_after: epochs to train for, where that is fewer than the hyperparameters say, and no
            fewer than that: nothing stops it early. A schedule still runs over the epochs of the
            hyperparameters.

    Returns:
        The model of each fold with the weights of the epoch whose mean validation score was best;
        of the last epoch where nothing is held out, or where `stop_after` says which that is.

    Raises:
        DivergedError: the training loss or a validation score is not finite.
    """
    if isinstance(seed, int):
        torch.manual_seed(seed)
        groups = make_groups(case, hyperparameters, data, folds, plan)
    else:
        groups = make_groups(case, hyperparameters, data, folds, plan, seed)
    best: float | None = None
    best_epoch = step = 0
    for epoch in range(1, 1 + min(hyperparameters.epochs, stop_after or hyperparameters.epochs)):
        parts = _parts([group.shuffled() for group in groups], case.points_per_epoch)
        for part, batches in enumerate(parts, start=1):
            step += 1
            for group, own in zip(groups, batches, strict=True):
                group.train(own)
            point = _report(groups, step, epoch - 1 + part / len(parts))
            if (
                stop_after is None
                and point.ends_epoch
                and point.validation is not None
                and (best is None or case.metric.better(point.validation, best))
            ):
                best, best_epoch = point.validation, epoch
                for group in groups:
                    group.keep()
            yield point
        for group in groups:
            group.end_epoch()
        if (
            hyperparameters.early_stopping
            and best is not None
            and epoch - best_epoch >= hyperparameters.patience
        ):
            break
    return _by_place(groups, [group.fitted() for group in groups])


def _parts(epochs: Sequence[list[Tensor]], points: int) -> list[list[list[Tensor]]]:
    """Cut each group's batches of an epoch into like parts: at most `points`, the same for all."""
    count = min(points, *map(len, epochs))
    cuts = []
    for batches in epochs:
        edges = [round(part * len(batches) / count) for part in range(count + 1)]
        cuts.append([batches[start:end] for start, end in pairwise(edges)])
    return [list(own) for own in zip(*cuts, strict=True)]


def _by_place(groups: Sequence[Group], parts: Iterable[Sequence[T]]) -> tuple[T, ...]:
    """Put what groups have of each of their members, if anything, into the order of the folds."""
    places = [member.place for group in groups for member in group.members]
    found = dict(zip(places, chain.from_iterable(parts), strict=False))
    return tuple(found[place] for place in sorted(found))


def _report(groups: Sequence[Group], step: int, epoch: float) -> ReportPoint:
    losses, metrics = zip(*(group.progress() for group in groups), strict=True)
    fold_scores = _by_place(groups, [group.validate() for group in groups])
    train_loss = sum(losses) / len(losses)
    for name, value in [("training loss", train_loss), *(("score", s) for s in fold_scores)]:
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value} at epoch {epoch:g}")
    return ReportPoint(
        step=step,
        epoch=epoch,
        train_loss=train_loss,
        train_metric=sum(metrics) / len(metrics),
        validation=sum(fold_scores) / len(fold_scores) if fold_scores else None,
        fold_scores=fold_scores,
        work=sum(group.work for group in groups),
    )
