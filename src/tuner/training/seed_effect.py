"""Finds what the seed of a training changes: its initial weights, its order, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch

from tuner.data.splits import everything
from tuner.training.blame import place_of
from tuner.training.inference import applied_by, autocast, call, scaled_batch
from tuner.training.learner import make_learners

if TYPE_CHECKING:
    from torch import nn

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.learner import Learner
    from tuner.training.plan import Plan

Effect: TypeAlias = Literal["weights", "order", "nothing"]


def untrained(
    case: Case, hyperparameters: Hyperparameters, data: Dataset, seed: int, device: str = "cpu"
) -> list[Learner]:
    """Return the untrained models of a training on all development rows."""
    folds = everything(data.development)
    return make_learners(case, hyperparameters, data, folds, seed, device)


def effect_of_the_seed(case: Case, data: Dataset, plan: Plan) -> tuple[Effect, list[str]]:
    """Return what another seed changes in a training of the baseline, with remarks on it."""
    first, same, other = (untrained(case, case.baseline, data, seed)[0] for seed in (1, 1, 2))
    said = []
    if not _same_weights(first.network, same.network):
        said.append(
            "The same seed gives other initial weights each time: build draws from a generator "
            "that tuner does not seed. Trials of this study cannot be repeated bit for bit."
        )
    if not _same_weights(first.network, other.network):
        return "weights", said
    where = place_of(case.build)
    at = f" at {where}" if where else ""
    start = f"Two seeds give the same initial weights (build{at} seeds a generator, or loads them)"
    if _order_matters(case, data, first, plan):
        return "order", [
            *said,
            f"{start}: seeds change only the order of batches, dropout and augmentation. A "
            "difference between two configurations may be the luck of these weights.",
        ]
    return "nothing", [
        *said,
        f"{start}, and there is no dropout, no augmentation and one batch an epoch: seeds change "
        "nothing. Fresh seeds prove nothing in this study.",
    ]


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(
        value.shape == theirs[name].shape
        and torch.equal(value.nan_to_num(), theirs[name].nan_to_num())
        for name, value in ours.items()
        if isinstance(value, torch.Tensor)  # without other contents of a layer: get_extra_state
    )


def _order_matters(case: Case, data: Dataset, learner: Learner, plan: Plan) -> bool:
    """Whether the rows of batches differ by seed, or the random draws within a batch do."""
    if len(data.development) > case.baseline.batch_size:
        return True
    device = torch.device(plan.device)
    network, scaler = learner.network.to(device).train(), learner.features.to(device)
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        batch = scaled_batch(data.development.features.to(device), scaler, plan)
        if case.augment is not None:
            batch = case.augment(batch, case.baseline, torch.Generator(device).manual_seed(seed))
        with torch.no_grad(), autocast(plan):
            made.append((applied_by(case, case.baseline) or call)(network, batch))
    return not torch.equal(*made)
