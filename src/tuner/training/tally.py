"""Sums up the training rows between two validations: mean loss, and the metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.data.scaling import Scaler
from tuner.training.device import CARD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.case.metric import Metric
    from tuner.data.preparation import Straightened


class Tally:
    """Accumulates the batches of learners that step together.

    A metric that is a mean over rows is summed batch by batch. Any other is computed at the end,
    from all outputs since the last call, for each learner.

    Nothing leaves the device until somebody reads the means.

    Args:
        scalers: of the targets of the learners, on the device.
        device: of the batches.
    """

    def __init__(
        self, metric: Metric, scalers: Sequence[Scaler | Straightened], device: str
    ) -> None:
        self.metric, self.scalers, self.device = metric, scalers, device
        as_they_are = all(isinstance(scaler, Scaler) for scaler in scalers)
        self.by_batch = metric.rows is not None and as_they_are and not metric.own_units
        self._loss, self._sum = torch.zeros(2, device=device).unbind()
        self._seen = 0
        self._said: list[tuple[Tensor, Tensor]] = []  # (learners, B, outputs), (learners, B, ...)

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor, size: int) -> None:
        """Add to the sums of a batch, always in the same memory.

        Args:
            loss: mean over the batch.
            outputs: (rows of all learners, outputs), one learner after the other.
            targets: of these rows.
            size: rows of each learner.
        """
        self._loss += loss * size
        if self.by_batch:
            self._sum += self.metric.score(outputs, targets) * size

    def keep(self, outputs: Tensor, targets: Tensor, size: int) -> None:
        """Count a batch, and store the outputs that cannot be summed."""
        self._seen += size
        if not self.by_batch:
            if self.device == CARD:  # a recorded step overwrites them with the next batch's
                outputs, targets = outputs.clone(), targets.clone()
            shape = len(self.scalers), size
            self._said.append((outputs.unflatten(0, shape), targets.unflatten(0, shape)))

    def means(self) -> tuple[Tensor, Tensor]:
        """Return mean loss and metric since the last call, over all learners, as scalar tensors.

        Raises:
            TrainingError: the metric cannot be computed on these rows.
        """
        loss = self._loss / self._seen
        metric = self._metric() if self._said else self._sum / self._seen
        self._loss.zero_()
        self._sum.zero_()
        self._seen, self._said = 0, []
        return loss, metric

    def _metric(self) -> Tensor:
        outputs, targets = (torch.cat(parts, dim=1) for parts in zip(*self._said, strict=True))
        found = [
            score_of(self.metric, scaler, *pair).double()
            for scaler, *pair in zip(self.scalers, outputs, targets, strict=True)
        ]
        return sum(found, torch.zeros_like(found[0])) / len(found)


def score_of(
    metric: Metric, scaler: Scaler | Straightened, outputs: Tensor, targets: Tensor
) -> Tensor:
    """Return the score of a learner's outputs in the units of the metric, as a scalar tensor.

    Args:
        scaler: of the learner's targets, on the device of the outputs.
        outputs: (N, outputs): logits, or numbers in the learner's standardised units.
        targets: (N,) classes, or (N, 1) numbers in the same units.

    Raises:
        TrainingError: the metric cannot be computed on these rows.
    """
    if targets.is_floating_point():
        told = scaler.undo if metric.own_units else scaler.in_units
        outputs, targets = told(outputs), told(targets)
    return metric.score(outputs, targets)
