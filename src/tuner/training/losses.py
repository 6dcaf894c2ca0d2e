"""The loss of a batch: the task's, with weights of classes if asked for, or the case's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from tuner.case.contract import BALANCED, UNWEIGHTED
from tuner.errors import TrainingError

if TYPE_CHECKING:
    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.learner import Learner


class Loss:
    """Computes the mean loss of batches of some learners.

    Raises:
        TrainingError: the trainer does not know such weights of classes.
    """

    def __init__(
        self,
        case: Case,
        hyperparameters: Hyperparameters,
        data: Dataset,
        learners: Sequence[Learner],
        device: torch.device,
    ) -> None:
        self.case, self.hyperparameters = case, hyperparameters
        weights = None
        if case.task == "classification":
            weights = _weights(case, hyperparameters, data, learners)
        self.weights = None if weights is None else weights.to(device)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss, a tensor of no dimensions.

        Args:
            outputs: (rows of all learners, outputs), one learner after the other.
            targets: of these rows.

        Raises:
            TrainingError: the case's own loss returns something else.
        """
        if self.case.loss is not None:
            return check_loss(self.case.loss(outputs, targets, self.hyperparameters), "loss")
        if self.case.task == "regression":
            return functional.mse_loss(outputs, targets)
        smoothing = self.hyperparameters.label_smoothing
        if self.case.task == "multilabel":
            shares = targets.to(outputs.dtype) * (1 - smoothing) + smoothing / 2
            return functional.binary_cross_entropy_with_logits(outputs, shares)
        if self.weights is None:
            return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)
        by_row = functional.cross_entropy(
            outputs, targets, label_smoothing=smoothing, reduction="none"
        )
        learner = torch.arange(len(self.weights), device=targets.device)
        rows = learner.repeat_interleave(len(targets) // len(self.weights))
        return (by_row * self.weights[rows, targets]).mean()


def check_loss(found: object, function: str) -> Tensor:
    """Check the loss that a case's own function returns, and return it.

    Raises:
        TrainingError: it is not a tensor of one number, or has no gradient.
    """
    if not isinstance(found, Tensor) or found.numel() != 1:
        got = (
            f"a tensor of shape {tuple(found.shape)}"
            if isinstance(found, Tensor)
            else type(found).__name__
        )
        raise TrainingError(
            f"{function} returns {got} as the loss; it has to return one number as a tensor: the "
            "mean over the batch"
        )
    if not found.requires_grad:
        raise TrainingError(
            f"{function} returns a loss that does not depend on the model's weights; compute it "
            "from the outputs, without detach() or item()"
        )
    return found.reshape(())


def _weights(
    case: Case, hyperparameters: Hyperparameters, data: Dataset, learners: Sequence[Learner]
) -> Tensor | None:
    """Return the weights of classes (learners, classes), with mean one over the training rows."""
    asked = getattr(hyperparameters, "class_weights", case.class_weights)
    if asked is None or asked in {UNWEIGHTED, 0}:
        return None
    return torch.stack([_of_learner(asked, data, learner) for learner in learners])


def _of_learner(asked: Any, data: Dataset, learner: Learner) -> Tensor:
    targets = data.development.targets[learner.fold.training]
    counts = targets.bincount(minlength=data.outputs).double()
    shares = counts / counts.sum()
    if isinstance(asked, Sequence) and not isinstance(asked, str):
        if len(asked) != data.outputs:
            raise TrainingError(
                f"class_weights has {len(asked)} numbers for {data.outputs} classes; give one each"
            )
        found = torch.tensor(asked, dtype=torch.float64)
    else:
        power = 1.0 if asked == BALANCED else asked
        if isinstance(power, str) or not 0 <= power <= 1:
            raise TrainingError(
                f"class_weights is {asked!r}; it has to be {BALANCED!r}, {UNWEIGHTED!r}, or a "
                "number from 0 (none) to 1 (balanced)"
            )
        # A class without training rows in the fold needs no weight.
        found = torch.where(counts > 0, shares.clamp(min=1e-12) ** -power, 0.0)
    return (found / (found * shares).sum()).float()
