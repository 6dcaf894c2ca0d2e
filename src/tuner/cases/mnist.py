"""MNIST: 28x28 handwritten digits, 60,000 development rows and 10,000 test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.case.contract import Case
from tuner.data.augment import move
from tuner.data.sources import digits, mnist
from tuner.models.cnn import CNNHyperparameters, build_cnn

if TYPE_CHECKING:
    from optuna.trial import BaseTrial
    from torch import Generator, Tensor

    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class MnistHyperparameters(CNNHyperparameters):
    """The defaults are the baseline: 2 convolutions (32, 64), FC 128, Adam, 5 epochs."""


def suggest(trial: BaseTrial) -> MnistHyperparameters:
    """Draw from the search space. The task sets five epochs, so they are not searched."""
    baseline = MnistHyperparameters()
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    batch_norm = trial.suggest_categorical("batch_norm", (False, True))
    # Drawn before the width, which is only for the second choice: two convolutions of the full
    # width would cost ten times as much as the baseline.
    convolutions = trial.suggest_int("convolutions", 1, 2)
    width = (
        trial.suggest_int("width", 16, 32, step=8)
        if convolutions == 1
        else trial.suggest_int("width", 16, 24, step=8)
    )
    return MnistHyperparameters(
        depth=trial.suggest_int("depth", 1, 3),
        width=width,
        convolutions=convolutions,
        padding=trial.suggest_categorical("padding", (False, True)),
        batch_norm=batch_norm,
        pool_first=batch_norm,
        head=trial.suggest_categorical("head", ("flatten", "average")),
        hidden=trial.suggest_categorical("hidden", (0, 64, 128, 256)),
        dropout=trial.suggest_float("dropout", 0.0, 0.6),
        augmentation=trial.suggest_float("augmentation", 0.0, 1.0),
        label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.1),
        learning_rate=trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-3, 1e-2, 5e-2)),
        optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw", "muon")),
        batch_size=trial.suggest_categorical("batch_size", (64, 128, 256)),
        step_lr=step_lr,
        step_size=trial.suggest_int("step_size", 1, 4) if step_lr else baseline.step_size,
        gamma=trial.suggest_float("gamma", 0.1, 0.7) if step_lr else baseline.gamma,
        one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
    )


def load(folders: Folders) -> Dataset:
    """Load MNIST, or scikit-learn's digits as a stand-in."""
    return folders.find(mnist.FILES, mnist.read, mnist.download, stand_in=digits.make)


def augment(images: Tensor, hyperparameters: MnistHyperparameters, random: Generator) -> Tensor:
    """Rotate, shift and resize each digit a little."""
    strength = hyperparameters.augmentation
    return move(images, strength, random, degrees=15, shift=0.1, scale=0.15)


CASE = Case(
    name="mnist",
    task="classification",
    baseline=MnistHyperparameters(),
    recipe=MnistHyperparameters(dropout=0.5, weight_decay=1e-4),
    suggest=suggest,
    load=load,
    build=build_cnn,
    augment=augment,
    points_per_epoch=4,
    read=mnist.read_digit,
)
