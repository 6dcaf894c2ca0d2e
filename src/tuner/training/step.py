"""The step: loss, backward, optimizer; for learners that take it together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.case.contract import shape_of
from tuner.training.forward import Forward
from tuner.training.inference import Fitted, applied_by
from tuner.training.networks import gather
from tuner.training.optimizing import make_optimization
from tuner.training.tally import Tally
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
        self.learners, self.networks, self.device = learners, networks, plan.device
        self.batch_size = hyperparameters.batch_size
        first = learners[0].network.to(plan.device)
        asked = applied_by(case, hyperparameters)
        kind = data.development.features.dtype
        inputs = shape_of(data).inputs
        self.costs = Work.count(first, inputs, len(learners), kind, asked)
        self.work = 0.0
        self.forward = Forward(case, hyperparameters, data, learners, networks, plan)
        self.weights = list(self.forward.module.parameters())
        size = self.forward.rows.training.shape[-1]
        order = torch.arange(size, device=plan.device)
        steps = len(self._batches([order] * len(learners)))
        self.optimizer, self.schedule = make_optimization(
            case, self.forward.module, hyperparameters, steps
        )
        self.tally = Tally(case.metric, self.forward.rows.scalers, plan.device)

    def _batches(self, orders: Sequence[Tensor]) -> list[Tensor]:
        return self.forward.rows.batches(self.networks.side_by_side(orders), self.batch_size)

    def shuffled(self) -> list[Tensor]:
        """Return an epoch's batches of row numbers, in an order that each learner draws."""
        size = self.forward.rows.training.shape[-1]
        sources = [learner.random for learner in self.learners]
        return self._batches(
            [torch.randperm(size, generator=own, device=self.device) for own in sources]
        )

    def train(self, batches: Sequence[Tensor]) -> None:
        """Take an optimizer step a batch.

        Raises:
            TrainingError: as `Forward.loss` raises it.
        """
        self.forward.module.train()
        for numbers in batches:
            loss, outputs, targets = self.forward.loss(numbers)
            for weights in self.weights:  # the optimizer's zero_grad takes as long as half a step
                weights.grad = None
            # A mean over all learners' rows; times their number, each has its own mean's gradient.
            (loss * len(self.learners)).backward()
            self.optimizer.step()
            self.schedule.end_batch()
            self.tally.add(loss, outputs, targets, numbers.shape[-1])
            self.work += self.costs.training_row * numbers.numel() + self.costs.step

    def progress(self) -> tuple[Tensor, Tensor]:
        """Mean training loss and metric since the last call, over all learners, on the device."""
        return self.tally.means()

    def validate(self) -> tuple[Tensor, ...]:
        """Score each learner on its validation part; nothing, where none is held out."""
        self.work += self.costs.validation_row * self.forward.rows.validation.numel()
        return self.forward.validate()

    def end_epoch(self) -> None:
        """Move an epoch on in the schedule."""
        self.schedule.end_epoch()

    def fitted(self) -> list[Fitted]:
        """Return each learner's model with its present weights."""
        return [
            Fitted(
                network.to(self.device).eval(),
                learner.features,
                learner.targets,
                self.forward.asked,
            )
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
