"""Arguments and return values of a case's own training functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of data, as a case's own `step` gets them.

    >>> import torch
    >>> Batch(features=torch.zeros(2, 3), hyperparameters=None).targets is None
    True

    Attributes:
        features: (B, ...), scaled and augmented as the case says.
        hyperparameters: of the case's own.
        targets: (B,) int64 classes, or (B, 1) float32 numbers in standardised units; None outside
            of training: to validate, to test and to predict.
        random: generator for random numbers in training, such as masks; None if `targets` is None.
    """

    features: Tensor
    hyperparameters: Any
    targets: Tensor | None = None
    random: Generator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """An optimizer with its schedules, as a case's own `optimizer` may return them.

    >>> import torch
    >>> weights = [torch.nn.Parameter(torch.zeros(1))]
    >>> sgd = torch.optim.SGD(weights, lr=0.1, momentum=0.9)
    >>> falling = torch.optim.lr_scheduler.ExponentialLR(sgd, 0.9)
    >>> Optimization(optimizer=sgd, each_epoch=falling).each_batch is None
    True

    Attributes:
        each_batch: steps after each batch.
        each_epoch: steps after each epoch.
    """

    optimizer: Optimizer
    each_batch: LRScheduler | None = None
    each_epoch: LRScheduler | None = None
