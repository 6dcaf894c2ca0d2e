"""Train a case: one generator that yields a point at each validation.

Everything is in memory from the start; images are scaled and augmented by the batch. The folds of a
fit train in lockstep, and a point is their mean. Whoever consumes the points decides whether to go
on: nothing here knows what a trial is.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from tuner.case import Shape
from tuner.data.scaling import Scaler
from tuner.errors import DivergedError
from tuner.inference import Fitted, autocast, operations_of_a_row, outputs_of, scaled_batch
from tuner.metrics import score

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from tuner.case import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold
    from tuner.plan import Plan

# What an optimizer step costs beside its arithmetic, in floating-point operations that take as
# long: about half a millisecond on a core. It keeps the work of tiny models from being nothing.
OPERATIONS_PER_STEP = 5e7

RISE = 0.2  # share of a one-cycle schedule in which the learning rate rises

OPTIMIZERS: dict[str, type[torch.optim.Adam]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


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
        work: floating-point operations so far, counted from shapes: the same on every machine.
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
    seed: int,
    plan: Plan,
    stop_after: int | None = None,
) -> Generator[ReportPoint, None, tuple[Fitted, ...]]:
    """Train one model a fold, in lockstep, and yield a point at each validation.

    Seeds torch's global generator. The same arguments on the same machine give the same points and
    weights, bit for bit.

    Args:
        stop_after: epochs to train for, where that is fewer than the hyperparameters say; a
            schedule still runs over the epochs of the hyperparameters.

    Returns:
        The model of each fold with the weights of the epoch whose mean validation score was best,
        or of the last epoch where nothing is held out.

    Raises:
        DivergedError: the training loss or a validation score is not finite.
    """
    torch.manual_seed(seed)
    members = [_Member(case, hyperparameters, data, fold, plan) for fold in folds]
    best: float | None = None
    best_epoch = step = 0
    for epoch in range(1, 1 + min(hyperparameters.epochs, stop_after or hyperparameters.epochs)):
        parts = [member.epoch_parts(case.points_per_epoch) for member in members]
        for part, batches in enumerate(zip(*parts, strict=True), start=1):
            step += 1
            for member, own in zip(members, batches, strict=True):
                member.train(own)
            point = _report(members, step, epoch - 1 + part / len(parts[0]))
            if (
                point.ends_epoch
                and point.validation is not None
                and (best is None or case.better(point.validation, best))
            ):
                best, best_epoch = point.validation, epoch
                for member in members:
                    member.keep()
            yield point
        for member in members:
            member.end_epoch()
        if (
            hyperparameters.early_stopping
            and best is not None
            and epoch - best_epoch >= hyperparameters.patience
        ):
            break
    return tuple(member.fitted() for member in members)


def _report(members: Sequence[_Member], step: int, epoch: float) -> ReportPoint:
    losses, metrics = zip(*(member.progress() for member in members), strict=True)
    fold_scores = tuple(member.validate() for member in members if len(member.fold.validation))
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
        work=sum(member.work for member in members),
    )


class _Member:
    """The model of one fold on its way."""

    def __init__(
        self,
        case: Case,
        hyperparameters: Hyperparameters,
        data: Dataset,
        fold: Fold,
        plan: Plan,
    ) -> None:
        self.case, self.hyperparameters, self.fold, self.plan = case, hyperparameters, fold, plan
        self.device = torch.device(plan.device)
        self.random = torch.Generator().manual_seed(int(torch.randint(2**62, ()).item()))
        rows = data.development
        self.scaler = (
            Scaler.for_pixels(data.pixels)
            if data.pixels
            else Scaler.fit(rows.features[fold.training])
        )
        self.target_scaler = (
            Scaler.fit(rows.targets[fold.training])
            if case.task == "regression"
            else Scaler.identity()
        )
        self.on_device = self.scaler.to(self.device)
        self.features = rows.features.to(self.device)
        self.targets = rows.targets.to(self.device)
        if case.task == "regression":
            self.targets = self.target_scaler.to(self.device)(self.targets)
        shape = Shape(data.row_shape, data.outputs)
        self.model = case.build(hyperparameters, shape).to(self.device)
        if plan.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.optimizer = _optimizer(self.model, hyperparameters)
        steps = len(self._batches(fold.training))
        self.schedule = _schedule(self.optimizer, hyperparameters, steps)
        self.kept: dict[str, Tensor] | None = None
        self.work = 0.0
        self.row_work = 3 * operations_of_a_row(self.model, data.row_shape, self.device)
        self._start_counting()

    def _start_counting(self) -> None:
        self.rows, self.loss_sum, self.metric_sum = (
            0,
            torch.zeros((), device=self.device),
            torch.zeros((), device=self.device),
        )

    def _batches(self, index: Tensor) -> list[Tensor]:
        # A last batch of one row is left out: BatchNorm has no variance to divide by.
        batches = index.split(self.hyperparameters.batch_size)
        return [batch for batch in batches if len(batch) > 1 or len(batches) == 1]

    def epoch_parts(self, parts: int) -> list[list[Tensor]]:
        """Shuffle the training rows into batches, in at most `parts` parts of like size."""
        order = torch.randperm(len(self.fold.training), generator=self.random)
        batches = self._batches(self.fold.training[order])
        parts = min(parts, len(batches))
        edges = [round(part * len(batches) / parts) for part in range(parts + 1)]
        return [batches[start:end] for start, end in pairwise(edges)]

    def train(self, batches: Sequence[Tensor]) -> None:
        self.model.train()
        for rows in batches:
            features = scaled_batch(self.features[rows], self.on_device, self.plan)
            targets = self.targets[rows]
            if self.case.augment is not None:
                features = self.case.augment(features, self.hyperparameters, self.random)
            with autocast(self.plan):
                outputs = self.model(features)
            outputs = outputs.float()
            loss = self._loss(outputs, targets)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            if isinstance(self.schedule, torch.optim.lr_scheduler.OneCycleLR):
                self.schedule.step()
            self.rows += len(rows)
            self.loss_sum += loss.detach() * len(rows)
            self.metric_sum += score(self.case.task, outputs.detach(), targets) * len(rows)
            self.work += self.row_work * len(rows) + OPERATIONS_PER_STEP

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.case.task == "classification":
            smoothing = self.hyperparameters.label_smoothing
            return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)
        return functional.mse_loss(outputs, targets)

    def progress(self) -> tuple[float, float]:
        """Mean training loss and metric since the last call."""
        means = (self.loss_sum / self.rows).item(), (self.metric_sum / self.rows).item()
        self._start_counting()
        return means

    def validate(self) -> float:
        rows = self.fold.validation
        outputs = outputs_of(self.model, self.features[rows], self.on_device, self.plan)
        self.work += self.row_work / 3 * len(rows)
        return score(self.case.task, outputs, self.targets[rows]).item()

    def end_epoch(self) -> None:
        if isinstance(self.schedule, torch.optim.lr_scheduler.StepLR):
            self.schedule.step()

    def keep(self) -> None:
        self.kept = deepcopy(self.model.state_dict())

    def fitted(self) -> Fitted:
        if self.kept is not None:
            self.model.load_state_dict(self.kept)
        return Fitted(self.model.eval(), self.scaler, self.target_scaler)


def _optimizer(model: nn.Module, hyperparameters: Hyperparameters) -> torch.optim.Optimizer:
    return OPTIMIZERS[hyperparameters.optimizer](
        model.parameters(),
        lr=hyperparameters.learning_rate,
        weight_decay=hyperparameters.weight_decay,
        fused=True,
    )


def _schedule(
    optimizer: torch.optim.Optimizer, hyperparameters: Hyperparameters, steps: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    if hyperparameters.step_lr:
        return torch.optim.lr_scheduler.StepLR(
            optimizer, hyperparameters.step_size, hyperparameters.gamma
        )
    if hyperparameters.one_cycle:
        # Smith and Topin 2018, "Super-Convergence", p. 4.
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=hyperparameters.learning_rate,
            total_steps=hyperparameters.epochs * steps,
            pct_start=RISE,
            cycle_momentum=False,
        )
    return None
