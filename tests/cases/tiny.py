"""A case as a user would write it: two classes on a plane, learnt in a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tuner import Case, Dataset, Examples, KFold, MLPHyperparameters, build_mlp, make_dataset

if TYPE_CHECKING:
    from optuna.trial import BaseTrial
    from torch import nn

    from tuner import Folders, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyHyperparameters(MLPHyperparameters):
    """The defaults are the baseline. `breaks` makes a training fail, as a careless model can."""

    width: int = 4
    batch_size: int = 16
    epochs: int = 4
    breaks: bool = False


def suggest(trial: BaseTrial) -> TinyHyperparameters:
    """Draw from the search space."""
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    return TinyHyperparameters(
        width=trial.suggest_int("width", 2, 8),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1.0, log=True),
        epochs=trial.suggest_int("epochs", 2, 6),
        step_lr=step_lr,
        step_size=trial.suggest_int("step_size", 1, 3) if step_lr else 5,
        breaks=trial.suggest_categorical("breaks", (False, True)),
    )


def points(count: int, seed: int) -> Examples:
    """Two noisy clouds."""
    random = torch.Generator().manual_seed(seed)
    targets = torch.arange(count) % 2
    features = torch.randn(count, 2, generator=random) + 1.5 * targets[:, None]
    return Examples(features=features, targets=targets)


def load(folders: Folders) -> Dataset:
    """Make the data."""
    del folders
    return make_dataset(
        name="tiny",
        source="two clouds",
        development=points(60, 0),
        test=points(40, 1),
        validation=KFold(3),
        classes=("left", "right"),
        columns=("x", "y"),
    )


def build(hyperparameters: TinyHyperparameters, shape: Shape) -> nn.Module:
    """Make the untrained network, or break."""
    if hyperparameters.breaks:
        raise MemoryError("no room for this model")
    return build_mlp(hyperparameters, shape)


CASE = Case(
    name="tiny",
    task="classification",
    baseline=TinyHyperparameters(),
    recipe=TinyHyperparameters(width=8, dropout=0.1),
    suggest=suggest,
    load=load,
    build=build,
    guesses=(),  # tests/study/test_guesses.py has cases with some
)
