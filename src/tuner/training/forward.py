"""The forward pass, from row numbers to a loss or to scores, without an optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import torch

from tuner.case.batch import Batch
from tuner.errors import TrainingError
from tuner.training.inference import applied_by, autocast, outputs_of, scaled_batch
from tuner.training.losses import Loss, check_loss
from tuner.training.rows import Rows
from tuner.training.tally import score_of
from tuner.unpromised.by_torch import normalises_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.learner import Learner
    from tuner.training.networks import Networks
    from tuner.training.plan import Plan
    from tuner.training.recording import AsItIs, Recorder

T = TypeVar("T")
DRAWS_ON_PROCESSOR = "Expected a 'cpu' device type for generator"  # PyTorch, given a GPU's


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
        self.criterion = Loss(case, hyperparameters, data, learners, device)
        self.asked = applied_by(case, hyperparameters)
        self.random = learners[0].random

    def loss(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean training loss of a batch, the networks' outputs, and the targets.

        Args:
            numbers: of the batch's rows: (B,), or (K, B) for a stack.

        Raises:
            TrainingError: the outputs do not have the shape that the loss needs, augment changes
                the shape of a batch, or a batch is too small for BatchNorm.
        """
        features = scaled_batch(self.rows.features[numbers], self.rows.scaler, self.plan)
        targets = self.rows.targets[numbers.flatten()]
        if self.case.augment is not None:
            shape, augment, plain = features.shape, self.case.augment, features
            features = self._drawn(lambda random: augment(plain, self.hyperparameters, random))
            if features.shape != shape:
                raise TrainingError(
                    f"augment returns a batch of shape {tuple(features.shape)}; it has to return "
                    f"the shape that it takes, {tuple(shape)}"
                )
        loss, made = self._apply(features, targets, numbers)
        if wrong := wrong_shape(made, (*numbers.shape, self.outputs)):
            raise TrainingError(f"step: {wrong}" if self.case.step else wrong)
        outputs: Tensor = made.flatten(end_dim=-2).float()
        return self.criterion(outputs, targets) if loss is None else loss, outputs, targets

    def _apply(
        self, features: Tensor, targets: Tensor, numbers: Tensor
    ) -> tuple[Tensor | None, Any]:
        """Apply the networks in training; return the loss, if the case computes it, and outputs."""
        try:
            with autocast(self.plan):
                if self.case.step is None:
                    return None, self.module(features)
                return self._step(self.case.step, features, targets)
        except ValueError as error:
            if numbers.shape[-1] == 1 and self._normalises():
                raise TrainingError(
                    "BatchNorm cannot train on a batch of one row, which has no variance; use a "
                    "batch_size of 2 or more"
                ) from error
            raise

    def _step(self, step: Any, features: Tensor, targets: Tensor) -> tuple[Tensor, Any]:
        made: object = self._drawn(
            lambda random: step(
                self.module,
                Batch(
                    features=features,
                    targets=targets,
                    hyperparameters=self.hyperparameters,
                    random=random,
                ),
            )
        )
        if not isinstance(made, tuple) or len(made) != 2:
            raise TrainingError(
                f"step returns {type(made).__name__}; it has to return two things: loss, outputs"
            )
        return check_loss(made[0], "step"), made[1]

    def _drawn(self, use: Callable[[Generator], T]) -> T:
        """Call a function of the case with a generator on the device, or else on the processor."""
        try:
            return use(self.random)
        except RuntimeError as error:
            if not str(error).startswith(DRAWS_ON_PROCESSOR):
                raise
            self.random = torch.Generator().manual_seed(self.random.initial_seed())
            return use(self.random)

    def _normalises(self) -> bool:
        layers = (layer for learner in self.learners for layer in learner.network.modules())
        return any(map(normalises_batches, layers))

    def validate(self, recorder: Recorder | AsItIs) -> tuple[tuple[Tensor, ...], ...]:
        """Score each learner on its validation part; return nothing if there is none.

        Returns:
            For each learner its score, and its score by the metric's surrogate if there is one.
        """
        rows, numbers = self.rows, self.rows.validation
        if numbers.numel() == 0:
            return ()
        self.module.eval()
        outputs = recorder("validation", self._outputs, numbers)
        apart, metric = self.networks.apart, self.case.metric
        metrics = (metric,) if metric.surrogate is None else (metric, metric.surrogate)
        own = zip(rows.scalers, apart(outputs), apart(rows.targets[numbers]), strict=True)
        return tuple(tuple(score_of(one, *said) for one in metrics) for said in own)

    def _outputs(self, numbers: Tensor) -> Tensor:
        """Apply the networks to rows; return (rows, outputs), or a stack of these."""
        # Rows may be mapped, so they are copied part by part.
        at_once = self.plan.rows_at_once(self.rows.features.shape[1:])
        parts = (self.rows.features[some] for some in numbers.split(at_once))
        return outputs_of(self.module, parts, self.rows.scaler, self.plan, self.asked)


def wrong_shape(made: object, expected: tuple[int, ...]) -> str | None:
    """Return what is wrong with the shape of a model's outputs; None if nothing is.

    Args:
        expected: the shape: (rows, outputs), preceded by the number of networks for a stack.
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
