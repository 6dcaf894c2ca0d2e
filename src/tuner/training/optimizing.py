"""Optimizers and schedules of the learning rate, as the hyperparameters name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR

from tuner.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from tuner.case.contract import Hyperparameters

RISE = 0.2  # share of a one-cycle schedule in which the learning rate rises
NOTHING_TO_TRAIN = "the model has no parameter that requires a gradient, so it cannot learn"
OPTIMIZERS: dict[str, type[torch.optim.Adam]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def check(hyperparameters: Hyperparameters) -> None:
    """Refuse what the trainer cannot do.

    Raises:
        TrainingError: what was got, and what would do.
    """
    if wrong := unknown_optimizer(hyperparameters.optimizer):
        raise TrainingError(wrong)
    for name in ("batch_size", "epochs"):
        value = getattr(hyperparameters, name)
        if not isinstance(value, int) or value < 1:
            raise TrainingError(f"{name} is {value!r}; it has to be a whole number of 1 or more")
    if hyperparameters.step_lr and hyperparameters.one_cycle:
        raise TrainingError(
            "step_lr and one_cycle are both on; a training has one schedule, so turn one of them "
            "off (in suggest: draw one_cycle only if step_lr is off)"
        )


def unknown_optimizer(name: object) -> str | None:
    """Say what is wrong with the name of an optimizer; None: it is known."""
    if name in OPTIMIZERS:
        return None
    return f"optimizer is {name!r}; the trainer knows {' and '.join(map(repr, OPTIMIZERS))}"


def make_optimizer(
    weights: Sequence[nn.Parameter], hyperparameters: Hyperparameters
) -> torch.optim.Optimizer:
    """Make the optimizer that the hyperparameters name.

    Raises:
        TrainingError: there is nothing to train.
    """
    if not any(weight.requires_grad for weight in weights):
        raise TrainingError(NOTHING_TO_TRAIN)
    return OPTIMIZERS[hyperparameters.optimizer](
        weights,
        lr=hyperparameters.learning_rate,
        weight_decay=hyperparameters.weight_decay,
        fused=True,
    )


class Schedule:
    """How the learning rate changes: each batch, each epoch, or never.

    Args:
        steps: batches of an epoch.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, hyperparameters: Hyperparameters, steps: int
    ) -> None:
        self._by_epoch: LRScheduler | None = None
        self._by_batch: LRScheduler | None = None
        if hyperparameters.step_lr:
            step_size, gamma = hyperparameters.step_size, hyperparameters.gamma
            self._by_epoch = StepLR(optimizer, step_size, gamma)
        elif hyperparameters.one_cycle:
            # Smith and Topin 2018, "Super-Convergence", p. 4.
            self._by_batch = OneCycleLR(
                optimizer,
                max_lr=hyperparameters.learning_rate,
                total_steps=hyperparameters.epochs * steps,
                pct_start=RISE,
                cycle_momentum=False,
            )

    def end_batch(self) -> None:
        """Move a batch on."""
        if self._by_batch is not None:
            self._by_batch.step()

    def end_epoch(self) -> None:
        """Move an epoch on."""
        if self._by_epoch is not None:
            self._by_epoch.step()
