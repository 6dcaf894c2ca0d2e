"""House prices, simulated: a regression on ten columns from scikit-learn's `make_regression`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split

from tuner.case.contract import Case
from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.splits import KFold
from tuner.models.mlp import MLPHyperparameters, build_mlp

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class HousingHyperparameters(MLPHyperparameters):
    """The defaults are the baseline: 10-32-1, Adam, 20 epochs."""

    batch_size: int = 32
    epochs: int = 20


def suggest(trial: BaseTrial) -> HousingHyperparameters:
    """Draw from the search space."""
    depth = trial.suggest_int("depth", 1, 3)
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    early_stopping = trial.suggest_categorical("early_stopping", (False, True))
    baseline = HousingHyperparameters()
    return HousingHyperparameters(
        depth=depth,
        width=trial.suggest_int("width", 16, 128, log=True),
        taper=trial.suggest_categorical("taper", (False, True)) if depth > 1 else baseline.taper,
        activation=trial.suggest_categorical("activation", ("relu", "silu", "gelu", "tanh")),
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-6, 1e-5, 1e-4, 1e-3)),
        optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw")),
        batch_size=trial.suggest_categorical("batch_size", (32, 64, 128)),
        epochs=trial.suggest_int("epochs", 20, 100, step=10),
        step_lr=step_lr,
        step_size=trial.suggest_int("step_size", 5, 30) if step_lr else baseline.step_size,
        gamma=trial.suggest_float("gamma", 0.05, 0.9) if step_lr else baseline.gamma,
        one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
        early_stopping=early_stopping,
        patience=trial.suggest_int("patience", 5, 30) if early_stopping else baseline.patience,
    )


def load(folders: Folders) -> Dataset:
    """Make the data; no file is read or downloaded."""
    del folders
    features, targets = make_regression(1000, 10, random_state=42)
    parts = train_test_split(features, targets, test_size=0.2, random_state=42)
    tables = [torch.from_numpy(part).float() for part in parts]
    return make_dataset(
        name="housing",
        source="made by sklearn.datasets.make_regression(1000, 10, random_state=42), "
        "split 80/20 with random_state=42",
        development=Examples(features=tables[0], targets=tables[2].view(-1, 1)),
        test=Examples(features=tables[1], targets=tables[3].view(-1, 1)),
        validation=KFold(5),
        columns=tuple(f"x{number}" for number in range(10)),
    )


CASE = Case(
    name="housing",
    task="regression",
    baseline=HousingHyperparameters(),
    recipe=HousingHyperparameters(
        depth=2,
        width=64,
        taper=True,
        batch_norm=True,
        weight_decay=1e-5,
        epochs=50,
        early_stopping=True,
        patience=5,
    ),
    suggest=suggest,
    load=load,
    build=build_mlp,
)
