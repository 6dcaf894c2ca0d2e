"""Makes optimizers and learning rate schedules from the hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau, StepLR

from tuner.case.batch import Optimization
from tuner.errors import TrainingError
from tuner.training.device import CARD
from tuner.training.muon import Muon

if TYPE_CHECKING:
    from torch import nn

    from tuner.case.contract import Case, Hyperparameters
    from tuner.training.plan import Plan

RISE = 0.2  # share of a one-cycle schedule in which the learning rate rises
NOTHING_TO_TRAIN = "the model has no parameter that requires a gradient, so it cannot learn"
ADAM: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
MUON = "muon"
OPTIMIZERS = (*ADAM, MUON)


def check(hyperparameters: Hyperparameters, case: Case) -> None:
    """Refuse hyperparameters that the trainer cannot use.

    Args:
        case: if it has an `optimizer` of its own, it may read the optimizer fields as it likes.

    Raises:
        TrainingError: a value is invalid; the message says what would be accepted.
    """
    own = case.optimizer is not None
    if not own and (wrong := unknown_optimizer(hyperparameters.optimizer)):
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
    """Return what is wrong with the name of an optimizer; None if it is known."""
    if name in OPTIMIZERS:
        return None
    *others, last = map(repr, OPTIMIZERS)
    return f"optimizer is {name!r}; the trainer knows {', '.join(others)} and {last}"


def uses_muon(case: Case, hyperparameters: Hyperparameters) -> bool:
    """Whether a training takes steps of Muon."""
    return case.optimizer is None and hyperparameters.optimizer == MUON


def make_optimizer(
    model: nn.Module, hyperparameters: Hyperparameters, plan: Plan
) -> torch.optim.Optimizer:
    """Make the optimizer that the hyperparameters name.

    Raises:
        TrainingError: there is nothing to train.
    """
    weights = list(model.parameters())
    if not any(weight.requires_grad for weight in weights):
        raise TrainingError(NOTHING_TO_TRAIN)
    on_card = weights[0].device.type == CARD
    # A recorded step reads the rate from its tensor, so a schedule has to change that tensor.
    rate = torch.tensor(hyperparameters.learning_rate, device=CARD) if on_card else None
    lr = hyperparameters.learning_rate if rate is None else rate
    decay = hyperparameters.weight_decay
    if hyperparameters.optimizer == MUON:
        kind = torch.bfloat16 if plan.precision == "bfloat16" else torch.float32
        return Muon(model, lr, decay, kind)
    return ADAM[hyperparameters.optimizer](
        weights,
        lr=lr,
        weight_decay=decay,
        fused=True,
        capturable=on_card,
    )


def make_optimization(
    case: Case, model: nn.Module, hyperparameters: Hyperparameters, steps: int, plan: Plan
) -> tuple[torch.optim.Optimizer, Schedule]:
    """Make optimizer and schedule, by the hyperparameters or by the case's own function.

    Args:
        steps: number of batches in an epoch.

    Raises:
        TrainingError: there is nothing to train, or the case's own function returns something else.
    """
    if case.optimizer is None:
        optimizer = make_optimizer(model, hyperparameters, plan)
        return optimizer, _schedule(optimizer, hyperparameters, steps)
    made: object = case.optimizer(model, hyperparameters, steps)
    if isinstance(made, torch.optim.Optimizer):
        return made, Schedule()
    if not isinstance(made, Optimization) or not isinstance(made.optimizer, torch.optim.Optimizer):
        raise TrainingError(
            f"optimizer returns {type(made).__name__}; it has to return an optimizer of "
            "torch.optim, or tuner.Optimization(optimizer=..., each_batch=..., each_epoch=...)"
        )
    for scheduler in (made.each_batch, made.each_epoch):
        if isinstance(scheduler, ReduceLROnPlateau):
            raise TrainingError(
                "optimizer returns ReduceLROnPlateau, which needs a score at each step; use a "
                "scheduler that does without, such as StepLR or CosineAnnealingLR"
            )
    return made.optimizer, Schedule(by_batch=made.each_batch, by_epoch=made.each_epoch)


def _schedule(
    optimizer: torch.optim.Optimizer, hyperparameters: Hyperparameters, steps: int
) -> Schedule:
    if hyperparameters.step_lr:
        step_size, gamma = hyperparameters.step_size, hyperparameters.gamma
        return Schedule(by_epoch=StepLR(optimizer, step_size, gamma))
    if hyperparameters.one_cycle:
        # Smith and Topin 2018, "Super-Convergence", p. 4.
        rising_and_falling = OneCycleLR(
            optimizer,
            max_lr=hyperparameters.learning_rate,
            total_steps=hyperparameters.epochs * steps,
            pct_start=RISE,
            cycle_momentum=False,
        )
        return Schedule(by_batch=rising_and_falling)
    return Schedule()


class Schedule:
    """How the learning rate changes: after each batch, after each epoch, or never."""

    def __init__(
        self, by_batch: LRScheduler | None = None, by_epoch: LRScheduler | None = None
    ) -> None:
        self._by_batch, self._by_epoch = by_batch, by_epoch

    def end_batch(self) -> None:
        """Advance by one batch."""
        if self._by_batch is not None:
            self._by_batch.step()

    def end_epoch(self) -> None:
        """Advance by one epoch."""
        if self._by_epoch is not None:
            self._by_epoch.step()
