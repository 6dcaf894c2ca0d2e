"""Your own model: its data, the model, its hyperparameters of today, and what to try.

It runs as it is, on generated data:

    tuner study FILE --trials 20

Then replace the parts marked HERE with yours. If something fails, the error names the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch import nn

from tuner import Case, Examples, Hyperparameters, KFold, make_dataset

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner import Dataset, Folders, Shape

NAME = "template"


# The hyperparameters. The defaults are the baseline: what you use today, and what
# the search has to beat. tuner's trainer reads learning_rate, weight_decay, batch_size, epochs and
# others of `tuner.Hyperparameters`; your model reads the fields that you add here.
@dataclass(frozen=True, slots=True, kw_only=True)
class Mine(Hyperparameters):
    """HERE: the model's own hyperparameters, with today's values."""

    width: int = 32
    dropout: float = 0.0
    epochs: int = 20


# The search space, in plain Optuna. Fields that are not drawn keep their default.
def suggest(trial: BaseTrial) -> Mine:
    """HERE: which hyperparameters vary, and in which ranges."""
    return Mine(
        width=trial.suggest_int("width", 8, 128, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-2)),
        epochs=trial.suggest_int("epochs", 10, 40, step=10),
    )


# The data. Development rows are split into folds for the search; test rows are not used until the
# end. Leave features unscaled: tuner standardises them, inside each fold.
def load(folders: Folders) -> Dataset:
    """HERE: your data. `folders.given` is the folder of --data-dir."""
    del folders
    features, classes = make_classification(600, 12, n_informative=6, flip_y=0.1, random_state=0)
    parts = train_test_split(features, classes, test_size=0.3, random_state=0, stratify=classes)
    rows, test_rows = (torch.from_numpy(part).float() for part in parts[:2])
    targets, test_targets = (torch.from_numpy(part).long() for part in parts[2:])
    return make_dataset(
        name=NAME,
        source="sklearn.datasets.make_classification",
        development=Examples(features=rows, targets=targets),  # (N, F) float32, (N,) int64
        test=Examples(features=test_rows, targets=test_targets),
        validation=KFold(3),
        classes=("no", "yes"),  # leave out for a regression; targets are then (N, 1) float32
        columns=tuple(f"x{number}" for number in range(12)),  # or raw=True: rows unchanged
    )


# The model: any nn.Module that takes a batch of rows and returns (N, classes), or (N, 1).
def build(hyperparameters: Mine, shape: Shape) -> nn.Module:
    """HERE: your model, untrained."""
    return nn.Sequential(
        nn.Linear(shape.inputs[0], hyperparameters.width),
        nn.ReLU(),
        nn.Dropout(hyperparameters.dropout),
        nn.Linear(hyperparameters.width, shape.outputs),
    )


# Your own loss, optimizer or step: Case(loss=..., optimizer=..., step=...). Another
# metric: Case(metrics=("roc_auc",)), or --metric roc_auc. `help(tuner.Case)` explains each.
CASE = Case(
    name=NAME,
    task="classification",  # or "regression", or "multilabel" (several labels per row)
    baseline=Mine(),
    recipe=Mine(dropout=0.3, weight_decay=1e-4),  # what a textbook would change by hand
    suggest=suggest,
    load=load,
    build=build,
)
