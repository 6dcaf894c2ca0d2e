"""Scikit-learn's breast cancer table: 398 rows to develop on, 171 to test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from tuner import Case, Examples, KFold, MLPHyperparameters, build_mlp, make_dataset

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner import Dataset, Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class CancerHyperparameters(MLPHyperparameters):
    """The defaults are the baseline: 30-32-2, Adam, 20 epochs."""

    batch_size: int = 32
    epochs: int = 20


def suggest(trial: BaseTrial) -> CancerHyperparameters:
    """Draw from the search space."""
    return CancerHyperparameters(
        depth=trial.suggest_int("depth", 1, 2),
        width=trial.suggest_int("width", 8, 64, log=True),
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-2)),
        epochs=trial.suggest_int("epochs", 10, 60, step=10),
    )


def load(folders: Folders) -> Dataset:
    """Load the table that comes with scikit-learn."""
    del folders
    table = load_breast_cancer()
    parts = train_test_split(
        table.data, table.target, test_size=0.3, random_state=0, stratify=table.target
    )
    features = [torch.from_numpy(part).float() for part in parts[:2]]
    targets = [torch.from_numpy(part).long() for part in parts[2:]]
    return make_dataset(
        name="cancer",
        source="sklearn.datasets.load_breast_cancer, 30 % of the rows to test",
        development=Examples(features=features[0], targets=targets[0]),
        test=Examples(features=features[1], targets=targets[1]),
        validation=KFold(5),
        classes=tuple(map(str, table.target_names)),
        columns=tuple(map(str, table.feature_names)),
    )


CASE = Case(
    name="cancer",
    task="classification",
    baseline=CancerHyperparameters(),
    recipe=CancerHyperparameters(dropout=0.3, weight_decay=1e-4),
    suggest=suggest,
    load=load,
    build=build_mlp,
)
