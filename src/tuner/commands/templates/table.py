"""Your own table: a CSV file, a network for it, and what to try.

It runs as it is, on scikit-learn's diabetes table:

    tuner study FILE --trials 20

For your own file, give its folder with --data-dir, and change the parts marked HERE.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from tuner import Case, Examples, KFold, MLPHyperparameters, build_mlp, make_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import BaseTrial

    from tuner import Dataset, Folders

NAME = "template"
FILE, TARGET = "rows.csv", "target"  # HERE: the file in the folder of --data-dir, and its target


# The defaults are the baseline: what you use today, and what the search has to beat.
@dataclass(frozen=True, slots=True, kw_only=True)
class Mine(MLPHyperparameters):
    """HERE: today's values."""

    width: int = 32
    batch_size: int = 32
    epochs: int = 20


# The search space, in plain Optuna. Fields that are not drawn keep their default.
def suggest(trial: BaseTrial) -> Mine:
    """HERE: which hyperparameters vary, and in which ranges."""
    return Mine(
        depth=trial.suggest_int("depth", 1, 3),
        width=trial.suggest_int("width", 8, 128, log=True),
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-2)),
        epochs=trial.suggest_int("epochs", 10, 60, step=10),
    )


def rows_of(file: Path) -> tuple[list[str], list[list[float]], list[float]]:
    """Return columns, features and targets of a CSV file of numbers with a header."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = [name for name in rows[0] if name != TARGET]
    features = [[float(row[name]) for name in columns] for row in rows]
    return columns, features, [float(row[TARGET]) for row in rows]


# Development rows are split into folds for the search; test rows are not used until the end. Leave
# numbers unscaled: tuner standardises features and targets, inside each fold.
def load(folders: Folders) -> Dataset:
    """HERE: how rows are read, and which rows are for the test."""
    if folders.given:
        columns, features, targets = rows_of(folders.given / FILE)
    else:
        table = load_diabetes(scaled=False)
        columns, features = list(table.feature_names), table.data.tolist()
        targets = table.target.tolist()
    parts = train_test_split(
        torch.tensor(features), torch.tensor(targets)[:, None], test_size=0.25, random_state=0
    )
    return make_dataset(
        name=NAME,
        source=FILE if folders.given else "sklearn.datasets.load_diabetes",
        development=Examples(features=parts[0], targets=parts[2]),  # (N, F) and (N, 1) float32
        test=Examples(features=parts[1], targets=parts[3]),
        validation=KFold(5),
        columns=tuple(columns),
    )


CASE = Case(
    name=NAME,
    task="regression",  # for classes: targets (N,) int64, and classes=(...) in make_dataset
    baseline=Mine(),
    recipe=Mine(batch_norm=True, dropout=0.2),  # what a textbook would change by hand
    suggest=suggest,
    load=load,
    build=build_mlp,
)
