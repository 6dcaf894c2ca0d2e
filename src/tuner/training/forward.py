"""From row numbers to a loss or to scores: rows, networks and the task, without an optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from tuner.data.scaling import Scaler
from tuner.errors import TrainingError
from tuner.training.inference import autocast, outputs_of, scaled_batch
from tuner.training.rows import Rows
from tuner.unpromised.by_torch import normalises_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.learner import Learner
    from tuner.training.networks import Networks
    from tuner.training.plan import Plan


class Forward:
    """Applies the networks of some learners to their rows.

    Attributes:
        module: the networks, on the plan's device.
        rows: of the learners, on that device.
    """

    def __init__(
        self,
        case: Case,
        hyperparameters: Hyperparameters,
        data: Dataset,
        learners: Sequence[Learner],
        networks: Networks,
        plan: Plan,
    ) -> None:
        self.case, self.hyperparameters, self.plan = case, hyperparameters, plan
        self.learners, self.networks, self.outputs = learners, networks, data.outputs
        device = torch.device(plan.device)
        self.module = networks.module.to(device)
        if plan.channels_last:
            self.module.to(memory_format=torch.channels_last)
        self.rows = Rows.load(data, learners, device, networks.side_by_side)

    def loss(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch in training, and the task's metric.

        Args:
            numbers: of the batch's rows: (B,), or (K, B) for a stack.

        Raises:
            TrainingError: the outputs are not of the shape that the loss needs, augment changes
                the shape of a batch, or a batch is too small for BatchNorm.
        """
        features = scaled_batch(self.rows.features[numbers], self.rows.scaler, self.plan)
        targets = self.rows.targets[numbers.flatten()]
        if self.case.augment is not None:
            shape, random = features.shape, self.learners[0].random
            features = self.case.augment(features, self.hyperparameters, random)
            if features.shape != shape:
                raise TrainingError(
                    f"augment returns a batch of shape {tuple(features.shape)}; it has to return "
                    f"the shape that it takes, {tuple(shape)}"
                )
        outputs = self._apply(features, numbers)
        if self.case.task == "classification":
            smoothing = self.hyperparameters.label_smoothing
            loss = functional.cross_entropy(outputs, targets, label_smoothing=smoothing)
        else:
            loss = functional.mse_loss(outputs, targets)
        return loss, self.case.metric.score(
            self._in_units(outputs.detach()), self._in_units(targets)
        )

    def _apply(self, features: Tensor, numbers: Tensor) -> Tensor:
        """Apply the networks in training: -> (rows of all learners, outputs) float32."""
        try:
            with autocast(self.plan):
                made = self.module(features)
        except ValueError as error:
            if numbers.shape[-1] == 1 and self._normalises():
                raise TrainingError(
                    "BatchNorm cannot train on a batch of one row, which has no variance; use a "
                    "batch_size of 2 or more"
                ) from error
            raise
        if wrong := wrong_shape(made, (*numbers.shape, self.outputs)):
            raise TrainingError(wrong)
        outputs: Tensor = made.flatten(end_dim=-2).float()
        return outputs

    def _normalises(self) -> bool:
        layers = (layer for learner in self.learners for layer in learner.network.modules())
        return any(map(normalises_batches, layers))

    def validate(self) -> tuple[float, ...]:
        """Score each learner on its validation part; nothing, where none is held out."""
        numbers = self.rows.validation
        if numbers.numel() == 0:
            return ()
        outputs = outputs_of(self.module, self.rows.features[numbers], self.rows.scaler, self.plan)
        apart = self.networks.apart
        pairs = zip(apart(outputs), apart(self.rows.targets[numbers]), strict=True)
        return tuple(
            self.case.metric.score(scaler.in_units(out), scaler.in_units(target)).item()
            for scaler, (out, target) in zip(self.rows.scalers, pairs, strict=True)
        )

    def _in_units(self, values: Tensor) -> Tensor:
        """Return outputs or targets of all learners, one after the other, as they are scored."""
        if all(isinstance(scaler, Scaler) for scaler in self.rows.scalers):
            return values
        parts = values.chunk(len(self.rows.scalers))
        both = zip(self.rows.scalers, parts, strict=True)
        return torch.cat([scaler.in_units(part) for scaler, part in both])


def wrong_shape(made: object, expected: tuple[int, ...]) -> str | None:
    """Say what is wrong with a model's outputs; None: nothing.

    Args:
        expected: their shape: (rows, outputs), after a number of networks if they are a stack.
    """
    if not isinstance(made, torch.Tensor):
        return f"the model returns {type(made).__name__}; it has to return one tensor"
    shape = tuple(made.shape)
    if shape == expected:
        return None
    networks, (rows, outputs) = expected[:-2], expected[-2:]
    shown = shape[len(networks) :] if shape[: len(networks)] == networks else shape
    squeezed = outputs == 1 and shown in {(rows,), ()}
    advice = ": keep the last dimension, as squeeze() does not" if squeezed else ""
    return (
        f"the model returns shape {shown} for a batch of {rows} rows; it has to return "
        f"({rows}, {outputs}){advice}"
    )
