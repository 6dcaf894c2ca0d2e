"""The step: loss, backward, optimizer, for learners that train together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.training.forward import Forward
from tuner.training.inference import Fitted
from tuner.training.lanes import Lane
from tuner.training.networks import gather
from tuner.training.optimizing import make_optimization
from tuner.training.recording import recorder_for
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
    """Trains learners in the same steps of one optimizer, with separate rows and gradients."""

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
        sources = [learner.random for learner in learners]
        self.lane = Lane(plan.device, sources[0].initial_seed())
        first = learners[0].network.to(plan.device)
        self.costs = Work.of(case, hyperparameters, data, first, plan.device, len(learners))
        self.work = 0.0
        originals = [learner.network for learner in learners]
        self.recorder = recorder_for(case, originals, self.lane, sources)
        with self.lane.entered():
            self.forward = Forward(case, hyperparameters, data, learners, networks, plan)
            self.weights = list(self.forward.module.parameters())
            size = self.forward.rows.training.shape[-1]
            order = torch.arange(size, device=plan.device)
            steps = len(self._batches([order] * len(learners)))
            self.optimizer, self.schedule = make_optimization(
                case, self.forward.module, hyperparameters, steps, plan
            )
            self.tally = Tally(case.metric, self.forward.rows.scalers, plan.device)

    def _batches(self, orders: Sequence[Tensor]) -> list[Tensor]:
        return self.forward.rows.batches(self.networks.side_by_side(orders), self.batch_size)

    def shuffled(self) -> list[Tensor]:
        """Return an epoch's batches of row numbers, in a random order for each learner."""
        size = self.forward.rows.training.shape[-1]
        sources = [learner.random for learner in self.learners]
        with self.lane.entered():
            return self._batches(
                [torch.randperm(size, generator=own, device=self.device) for own in sources]
            )

    def train(self, batches: Sequence[Tensor]) -> None:
        """Take an optimizer step for each batch.

        Raises:
            TrainingError: as from `Forward.loss`.
        """
        with self.lane.entered():
            self.forward.module.train()
            for numbers in batches:
                said = self.recorder("step", self._step, numbers)
                self.tally.keep(*said, numbers.shape[-1])
                self.schedule.end_batch()
                self.work += self.costs.training_row * numbers.numel() + self.costs.step

    def _step(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Take a step of the optimizer: -> outputs of the networks, and targets."""
        loss, outputs, targets = self.forward.loss(numbers)
        for weights in self.weights:  # zero_grad of the optimizer takes as long as half a step
            weights.grad = None
        # A mean over all learners' rows; times their number, it gives each its own mean's gradient.
        (loss * len(self.learners)).backward()
        self.optimizer.step()
        outputs = outputs.detach()
        self.tally.add(loss.detach(), outputs, targets, numbers.shape[-1])
        return outputs, targets

    def progress(self) -> tuple[Tensor, Tensor]:
        """Mean training loss and metric since the last call, over all learners, on the device."""
        with self.lane.entered():
            return self.tally.means()

    def validate(self) -> tuple[tuple[Tensor, ...], ...]:
        """Score each learner on its validation part, like `Forward.validate`."""
        held_out = self.forward.rows.validation.numel()
        self.work += self.costs.validation_row * held_out
        self.work += self.costs.validation if held_out else 0.0
        with self.lane.entered():
            return self.forward.validate(self.recorder)

    def end_epoch(self) -> None:
        """Advance the schedule by one epoch."""
        with self.lane.entered():
            self.schedule.end_epoch()

    def fitted(self) -> list[Fitted]:
        """Return each learner's model with its current weights; the lane has to be finished."""
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
    """Make one trainer for all learners that can be stacked, and one for each other learner."""
    return [
        Trainer(case, hyperparameters, data, together, networks, plan)
        for together, networks in gather(learners, data, case)
    ]
