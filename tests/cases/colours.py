"""A user's case with several labels per row: which of three numbers of a row are positive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner import (
    Case,
    Dataset,
    Examples,
    Folders,
    KFold,
    MLPHyperparameters,
    build_mlp,
    make_dataset,
)

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

LABELS = ("red", "green", "blue")


def suggest(trial: BaseTrial) -> MLPHyperparameters:
    """Draw from the search space."""
    return MLPHyperparameters(
        learning_rate=trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
        width=trial.suggest_int("width", 4, 16),
        epochs=trial.suggest_int("epochs", 2, 8),
    )


def mixed(count: int, seed: int) -> Examples:
    """Four numbers per row; one label in ten is wrong."""
    random = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, 4, generator=random)
    wrong = torch.rand(count, 3, generator=random) < 0.1
    return Examples(features=rows, targets=((rows[:, :3] > 0) ^ wrong).long())


def load(folders: Folders) -> Dataset:
    """Make the data."""
    del folders
    return make_dataset(
        name="colours",
        source="random numbers",
        development=mixed(120, 0),
        test=mixed(80, 1),
        validation=KFold(3),
        classes=LABELS,
        columns=("a", "b", "c", "d"),
    )


CASE = Case(
    name="colours",
    task="multilabel",
    baseline=MLPHyperparameters(learning_rate=1e-3, width=8, epochs=2),
    recipe=MLPHyperparameters(learning_rate=1e-2, width=8, epochs=5),
    suggest=suggest,
    load=load,
    build=build_mlp,
)
