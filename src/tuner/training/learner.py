"""A learner: one untrained network, its fold, and its own random stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from tuner.case.contract import shape_of
from tuner.data.preparation import Preparation, Straightened
from tuner.data.scaling import Scaler
from tuner.errors import TrainingError
from tuner.training.randomness import keep_seeded, seed_others

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.data.splits import Fold


@dataclass(frozen=True, slots=True)
class Learner:
    """One fold: its network, scalers and own source of batches.

    Attributes:
        place: index of the fold, among those that are trained.
        random: for the order of rows and for augmentation; in a stack for dropout too. It draws on
            the learner's device.
    """

    place: int
    fold: Fold
    network: nn.Module
    features: Scaler | Preparation
    targets: Scaler | Straightened
    random: torch.Generator

    @classmethod
    def make(
        cls,
        case: Case,
        hyperparameters: Hyperparameters,
        data: Dataset,
        fold: Fold,
        place: int,
        device: str = "cpu",
    ) -> Learner:
        """Draw an untrained network, and fit scalers on the fold's training part.

        Afterwards the global generators have the learner's own seed, whatever `build` did to them:
        a `build` that seeds them must not give every learner the same batches and dropout.

        Raises:
            TrainingError: `build` does not return a network.
        """
        own_seed = int(torch.randint(2**62, ()).item())
        features, targets = _prepare(case, data, fold)
        seed_others(own_seed)
        with keep_seeded(own_seed):
            network = case.build(hyperparameters, shape_of(data))
            if case.initialise is not None and isinstance(network, nn.Module):
                case.initialise(network)
        if not isinstance(network, nn.Module):
            raise TrainingError(
                f"build returns {type(network).__name__}; it has to return an nn.Module"
            )
        random = torch.Generator(device).manual_seed(own_seed)
        return cls(place, fold, network, features, targets, random)


def _prepare(
    case: Case, data: Dataset, fold: Fold
) -> tuple[Scaler | Preparation, Scaler | Straightened]:
    """Fit the preparation of features and targets on the training part of a fold."""
    rows = data.development
    features: Scaler | Preparation
    if data.raw:
        features = Scaler.identity()
    elif data.pixels:
        features = Scaler.for_pixels(data.pixels)
    elif data.table:
        features = Preparation.fit(rows.features[fold.training], data.table)
    else:
        features = Scaler.fit(rows.features[fold.training])
    if case.task != "regression":
        return features, Scaler.identity()
    numbers = rows.targets[fold.training]
    skewed = data.table is not None and data.table.skewed
    return features, Straightened.fit(numbers) if skewed else Scaler.fit(numbers)


def make_learners(
    case: Case,
    hyperparameters: Hyperparameters,
    data: Dataset,
    folds: Sequence[Fold],
    seed: int | Sequence[int],
    device: str = "cpu",
) -> list[Learner]:
    """Draw a learner for each fold.

    Args:
        seed: of all draws, for one learner after the other; or one per fold, so that each learner
            is drawn as if it were alone.
        device: of the trainings; all is drawn there except initial weights.
    """
    if isinstance(seed, int):
        torch.manual_seed(seed)
    learners = []
    for place, fold in enumerate(folds):
        if not isinstance(seed, int):
            torch.manual_seed(seed[place])
        learners.append(Learner.make(case, hyperparameters, data, fold, place, device))
    return learners
