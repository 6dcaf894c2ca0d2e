"""150 of scikit-learn's digits at 8x8 in 5 folds: a table of images on which a score is noisy.

Made to compare searches on data that no shipped case has. Its test rows are never opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.datasets import load_digits

from tuner import (
    Case,
    CNNHyperparameters,
    Dataset,
    Examples,
    KFold,
    PixelStatistics,
    build_cnn,
    make_dataset,
    read_image,
)

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import BaseTrial
    from torch import Tensor

    from tuner import Folders

DEVELOPMENT, TEST = 150, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsHyperparameters(CNNHyperparameters):
    """The defaults are the baseline."""

    depth: int = 1
    width: int = 8
    hidden: int = 32
    batch_size: int = 32
    epochs: int = 10


def suggest(trial: BaseTrial) -> DigitsHyperparameters:
    """Draw from the search space."""
    baseline = DigitsHyperparameters()
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    return DigitsHyperparameters(
        depth=trial.suggest_int("depth", 1, 3),
        width=trial.suggest_int("width", 4, 16, step=4),
        padding=True,
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
        head=trial.suggest_categorical("head", ("flatten", "average")),
        hidden=trial.suggest_categorical("hidden", (0, 32, 64)),
        dropout=trial.suggest_float("dropout", 0.0, 0.6),
        label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.2),
        learning_rate=trial.suggest_float("learning_rate", 3e-4, 1e-1, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-3, 1e-2, 5e-2)),
        optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw")),
        batch_size=trial.suggest_categorical("batch_size", (8, 16, 32, 64)),
        epochs=trial.suggest_int("epochs", 5, 40, step=5),
        step_lr=step_lr,
        step_size=trial.suggest_int("step_size", 2, 20) if step_lr else baseline.step_size,
        gamma=trial.suggest_float("gamma", 0.1, 0.7) if step_lr else baseline.gamma,
        one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
    )


def load(folders: Folders) -> Dataset:
    """Take the first rows to develop on, and the next ones as a test."""
    del folders
    digits = load_digits()
    images = torch.from_numpy((digits.images * (255 / 16)).round().astype(np.uint8)).unsqueeze(1)
    targets = torch.from_numpy(digits.target).long()
    development, test = (
        Examples(features=images[rows], targets=targets[rows])
        for rows in (slice(DEVELOPMENT), slice(DEVELOPMENT, DEVELOPMENT + TEST))
    )
    return make_dataset(
        name="small-digits",
        source="scikit-learn's handwritten digits (UCI), 8x8",
        development=development,
        test=test,
        validation=KFold(5),
        classes=tuple("0123456789"),
        pixels=PixelStatistics(mean=(0.31,), std=(0.38,)),
    )


def read(path: Path) -> Tensor:
    """Read one digit."""
    return read_image(path, (1, 8, 8))


CASE = Case(
    name="small_digits",
    task="classification",
    baseline=DigitsHyperparameters(padding=True),
    recipe=DigitsHyperparameters(padding=True, dropout=0.5, weight_decay=1e-4),
    suggest=suggest,
    load=load,
    build=build_cnn,
    read=read,
)
