"""The step: loss, backward, optimizer; for learners that take it together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.case.contract import shape_of
from tuner.training.forward import Forward
from tuner.training.inference import Fitted
from tuner.training.networks import gather
from tuner.training.optimizing import Schedule, make_optimizer
from tuner.training.work import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.learner import Learner
    from tuner.training.networks import Networks
    from tuner.training.plan import Plan


class Trainer:
    """Trains learners by the same steps of one optimizer; their rows and gradients stay apart."""

    def __init__(
        self,
        case: Case,
        hyperparameters: Hyperparameters,
        data: Dataset,
        learners: Sequence[Learner],
        networks: Networks,
        plan: Plan,
    ) -> None:
        self.learners, self.networks = learners, networks
        self.batch_size, self.device = hyperparameters.batch_size, plan.device
        first = learners[0].network.to(plan.device)
        self.costs = Work.count(first, shape_of(data).inputs, copies=len(learners))
        self.work = 0.0
        self.forward = Forward(case, hyperparameters, data, learners, networks, plan)
        self.weights = list(self.forward.module.parameters())
        self.optimizer = make_optimizer(self.weights, hyperparameters)
        size = self.forward.rows.training.shape[-1]
        steps = len(self._batches([torch.arange(size)] * len(learners)))
        self.schedule = Schedule(self.optimizer, hyperparameters, steps)
        self._start_counting()

    def _start_counting(self) -> None:
        self.seen = 0
        self.loss_sum, self.metric_sum = torch.zeros(2, device=self.device).unbind()

    def _batches(self, orders: Sequence[Tensor]) -> list[Tensor]:
        return self.forward.rows.batches(self.networks.side_by_side(orders), self.batch_size)

    def shuffled(self) -> list[Tensor]:
        """Return an epoch's batches of row numbers, in an order that each learner draws."""
        size = self.forward.rows.training.shape[-1]
        orders = [torch.randperm(size, generator=learner.random) for learner in self.learners]
        return self._batches(orders)

    def train(self, batches: Sequence[Tensor]) -> None:
        """Take an optimizer step a batch.

        Raises:
            TrainingError: as `Forward.loss` raises it.
        """
        self.forward.module.train()
        for numbers in batches:
            loss, metric = self.forward.loss(numbers)
            for weights in self.weights:  # the optimizer's zero_grad takes as long as half a step
                weights.grad = None
            # A mean over all learners' rows; times their number, each has its own mean's gradient.
            (loss * len(self.learners)).backward()
            self.optimizer.step()
            self.schedule.end_batch()
            size = numbers.shape[-1]
            self.seen += size
            self.loss_sum += loss.detach() * size
            self.metric_sum += metric * size
            self.work += self.costs.training_row * numbers.numel() + self.costs.step

    def progress(self) -> tuple[float, float]:
        """Mean training loss and metric since the last call, over all learners."""
        means = (self.loss_sum / self.seen).item(), (self.metric_sum / self.seen).item()
        self._start_counting()
        return means

    def validate(self) -> tuple[float, ...]:
        """Score each learner on its validation part; nothing, where none is held out."""
        self.work += self.costs.validation_row * self.forward.rows.validation.numel()
        return self.forward.validate()

    def end_epoch(self) -> None:
        """Move an epoch on in the schedule."""
        self.schedule.end_epoch()

    def fitted(self) -> list[Fitted]:
        """Return each learner's model with its present weights."""
        return [
            Fitted(network.eval(), learner.features, learner.targets)
            for network, learner in zip(self.networks.trained(), self.learners, strict=True)
        ]


def make_trainers(
    case: Case,
    hyperparameters: Hyperparameters,
    data: Dataset,
    learners: Sequence[Learner],
    plan: Plan,
) -> list[Trainer]:
    """Have learners that can be stacked trained together, and each other one by itself."""
    return [
        Trainer(case, hyperparameters, data, together, networks, plan)
        for together, networks in gather(learners, data, case)
    ]
