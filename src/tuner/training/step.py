"""Networks in training: one fold's, or those of several folds as one stack."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR

from tuner.case.contract import Shape
from tuner.data.scaling import Scaler
from tuner.training.inference import Fitted, autocast, outputs_of, scaled_batch
from tuner.training.stacking import Stack, can_stack
from tuner.training.work import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold
    from tuner.training.plan import Plan

RISE = 0.2  # share of a one-cycle schedule in which the learning rate rises
OPTIMIZERS: dict[str, type[torch.optim.Adam]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@dataclass(frozen=True, slots=True)
class Member:
    """One fold: its network, scalers and own source of batches.

    Attributes:
        place: of the fold, among those that are trained.
    """

    place: int
    fold: Fold
    model: nn.Module
    features: Scaler
    targets: Scaler
    random: torch.Generator

    @classmethod
    def make(
        cls, case: Case, hyperparameters: Hyperparameters, data: Dataset, fold: Fold, place: int
    ) -> Member:
        """Draw an untrained network, and fit scalers on the fold's training part."""
        random = torch.Generator().manual_seed(int(torch.randint(2**62, ()).item()))
        rows = data.development
        features = (
            Scaler.for_pixels(data.pixels)
            if data.pixels
            else Scaler.fit(rows.features[fold.training])
        )
        regression = case.task == "regression"
        targets = Scaler.fit(rows.targets[fold.training]) if regression else Scaler.identity()
        model = case.build(hyperparameters, Shape(data.row_shape, data.outputs))
        return cls(place, fold, model, features, targets, random)


def stackable(model: nn.Module, data: Dataset, case: Case) -> bool:
    """Whether networks like this one train as one stack: small ones, of known layers, on tables.

    A stack of convolutions would be slower: they are large enough to keep a core busy by
    themselves.
    """
    return data.pixels is None and case.augment is None and can_stack(model)


def make_groups(
    case: Case,
    hyperparameters: Hyperparameters,
    data: Dataset,
    folds: Sequence[Fold],
    plan: Plan,
    seeds: Sequence[int] | None = None,
) -> list[Group]:
    """Draw a network a fold; those that can be are stacked, with all others of their size.

    Args:
        seeds: one a fold; each network is drawn as if it were alone. None: they are drawn one after
            the other, as torch's global generator goes on.
    """
    members = []
    for place, fold in enumerate(folds):
        if seeds is not None:
            torch.manual_seed(seeds[place])
        members.append(Member.make(case, hyperparameters, data, fold, place))
    if not all(stackable(member.model, data, case) for member in members):
        return [Group(case, hyperparameters, data, [member], plan) for member in members]
    return [
        Group(case, hyperparameters, data, alike, plan, stack=True) for alike in _by_size(members)
    ]


def _by_size(members: Sequence[Member]) -> list[list[Member]]:
    """Gather members whose folds are as large, in the order in which they come."""
    found: dict[tuple[int, int], list[Member]] = {}
    for member in members:
        size = len(member.fold.training), len(member.fold.validation)
        found.setdefault(size, []).append(member)
    return list(found.values())


class Group:
    """Members trained by the same steps of one optimizer; their rows and gradients stay apart.

    Args:
        members: one, or as many as are stacked.
        stack: whether they are stacked, each of them and also one alone.
    """

    def __init__(
        self,
        case: Case,
        hyperparameters: Hyperparameters,
        data: Dataset,
        members: Sequence[Member],
        plan: Plan,
        *,
        stack: bool = False,
    ) -> None:
        self.case, self.hyperparameters, self.plan = case, hyperparameters, plan
        self.members, self.device = members, torch.device(plan.device)
        first = members[0].model.to(self.device)
        self.costs = Work.count(first, data.row_shape, copies=len(members))
        self.work = 0.0
        networks: Any = [member.model for member in members]
        generators = [member.random for member in members]
        self.stack = Stack(networks, generators).to(self.device) if stack else None
        self.model = self.stack or first
        if plan.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self._load(data)
        self.weights = list(self.model.parameters())
        self.optimizer = OPTIMIZERS[hyperparameters.optimizer](
            self.weights,
            lr=hyperparameters.learning_rate,
            weight_decay=hyperparameters.weight_decay,
            fused=True,
        )
        steps = len(self._batches(self.training))
        self.schedule = _schedule(self.optimizer, hyperparameters, steps)
        self.kept: dict[str, Tensor] | None = None
        self._start_counting()

    def _load(self, data: Dataset) -> None:
        """Put the rows on the device: tables scaled once, images as they are.

        Rows of several members stand one after the other, each scaled by its own scaler, and a
        member's row numbers begin where its rows begin: (K, rows), or (rows,) for one member.
        """
        rows, count = data.development, len(data.development)
        first = self.members[0]
        self.scaler = first.features.to(self.device) if data.pixels else Scaler.identity()
        if data.pixels:
            self.features = rows.features.to(self.device)
        else:
            scaled = [member.features(rows.features) for member in self.members]
            self.features = torch.cat(scaled).to(self.device)
        if self.case.task == "regression":
            targets = [member.targets(rows.targets) for member in self.members]
        else:
            targets = [rows.targets] * len(self.members)
        self.targets = torch.cat(targets).to(self.device)
        numbers = [
            [part + place * count for part in (member.fold.training, member.fold.validation)]
            for place, member in enumerate(self.members)
        ]
        self.training, self.validation = (
            torch.stack(part) if self.stack else part[0] for part in zip(*numbers, strict=True)
        )

    def _start_counting(self) -> None:
        self.rows = 0
        self.loss_sum, self.metric_sum = torch.zeros(2, device=self.device).unbind()

    def _batches(self, rows: Tensor) -> list[Tensor]:
        # A last batch of one row is left out: BatchNorm has no variance to divide by.
        batches = rows.split(self.hyperparameters.batch_size, dim=-1)
        return [batch for batch in batches if batch.shape[-1] > 1 or len(batches) == 1]

    def shuffled(self) -> list[Tensor]:
        """Return an epoch's batches: row numbers (B,), or (K, B) for K members."""
        size = self.training.shape[-1]
        orders = [torch.randperm(size, generator=member.random) for member in self.members]
        order = torch.stack(orders) if self.stack else orders[0]
        return self._batches(self.training.gather(-1, order))

    def train(self, batches: Sequence[Tensor]) -> None:
        """Take an optimizer step a batch."""
        self.model.train()
        for rows in batches:
            features = scaled_batch(self.features[rows], self.scaler, self.plan)
            targets = self.targets[rows]
            if self.case.augment is not None:
                random = self.members[0].random
                features = self.case.augment(features, self.hyperparameters, random)
            with autocast(self.plan):
                outputs = self.model(features)
            if self.stack:
                outputs, targets = outputs.flatten(0, 1), targets.flatten(0, 1)
            outputs = outputs.float()
            loss = self._loss(outputs, targets)
            for weights in self.weights:  # the optimizer's zero_grad takes as long as half a step
                weights.grad = None
            # The mean over all members' rows; times their number, each has its own mean's gradient.
            (loss * len(self.members)).backward()
            self.optimizer.step()
            if isinstance(self.schedule, OneCycleLR):
                self.schedule.step()
            size = rows.shape[-1]
            self.rows += size
            self.loss_sum += loss.detach() * size
            self.metric_sum += self.case.metric.score(outputs.detach(), targets) * size
            self.work += self.costs.training_row * rows.numel() + self.costs.step

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.case.task == "classification":
            smoothing = self.hyperparameters.label_smoothing
            return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)
        return functional.mse_loss(outputs, targets)

    def progress(self) -> tuple[float, float]:
        """Mean training loss and metric since the last call, over all members."""
        means = (self.loss_sum / self.rows).item(), (self.metric_sum / self.rows).item()
        self._start_counting()
        return means

    def validate(self) -> tuple[float, ...]:
        """Score each member on its validation part; nothing, where none is held out."""
        if self.validation.numel() == 0:
            return ()
        outputs = outputs_of(self.model, self.features[self.validation], self.scaler, self.plan)
        targets = self.targets[self.validation]
        self.work += self.costs.validation_row * self.validation.numel()
        if not self.stack:
            return (self.case.metric.score(outputs, targets).item(),)
        pairs = zip(outputs, targets, strict=True)
        return tuple(self.case.metric.score(out, target).item() for out, target in pairs)

    def end_epoch(self) -> None:
        """Move an epoch on in the schedule."""
        if isinstance(self.schedule, StepLR):
            self.schedule.step()

    def keep(self) -> None:
        """Remember the present weights as the ones to return."""
        self.kept = deepcopy(self.model.state_dict())

    def fitted(self) -> list[Fitted]:
        """Return each member's model with the weights kept last, or the present ones."""
        if self.kept is not None:
            self.model.load_state_dict(self.kept)
        models = self.stack.unstack() if self.stack else [self.model]
        return [
            Fitted(model.eval(), member.features, member.targets)
            for model, member in zip(models, self.members, strict=True)
        ]


def _schedule(
    optimizer: torch.optim.Optimizer, hyperparameters: Hyperparameters, steps: int
) -> LRScheduler | None:
    if hyperparameters.step_lr:
        return StepLR(optimizer, hyperparameters.step_size, hyperparameters.gamma)
    if hyperparameters.one_cycle:
        # Smith and Topin 2018, "Super-Convergence", p. 4.
        return OneCycleLR(
            optimizer,
            max_lr=hyperparameters.learning_rate,
            total_steps=hyperparameters.epochs * steps,
            pct_start=RISE,
            cycle_momentum=False,
        )
    return None
