"""Hyperparameters for pictures: baseline, recipe and search space, scaled to the data.

The space is that of the case `flowers`, which has 100 pictures of 64 by 64. With more pictures
there are fewer epochs and larger batches; with larger pictures, more blocks are possible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from tuner.models.mlp import MLPHyperparameters
from tuner.models.photos import PhotoHyperparameters

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner.data.dataset import Dataset

FLOWERS, FLOWERS_EPOCHS = 100, 160  # development rows, and the most epochs worth their time
FEWER = 0.45  # the most epochs fall with the number of rows to this power
BATCHES = {500: (8, 16, 32), 5_000: (8, 16, 32, 64)}  # by the largest number of rows
LARGE_BATCHES = (32, 64, 128, 256)
EVERY_BATCH = (8, 16, 32, 64, 128, 256)
EPOCHS_OF_HEADS = 100  # of heads on features, which train in a second


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesHyperparameters(PhotoHyperparameters):
    """The defaults are the baseline: 2 convolutions (16, 32), FC 64, Adam, 10 epochs."""

    width: int = 16
    hidden: int = 64
    batch_size: int = 32
    epochs: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadHyperparameters(MLPHyperparameters):
    """A head on the features of a backbone. The defaults are the baseline: one linear layer."""

    depth: int = 0
    width: int = 128
    batch_size: int = 32
    epochs: int = 20


@dataclass(frozen=True, slots=True)
class Scale:
    """The part of the search space that depends on the data.

    Attributes:
        epochs: the most epochs.
        step: between numbers of epochs.
        depth: the most blocks.
        batches: sizes to choose from.
        classes: whether targets are classes, for which labels can be smoothed.
    """

    epochs: int
    step: int
    depth: int
    batches: tuple[int, ...]
    classes: bool

    @classmethod
    def widest(cls) -> Self:
        """Return the scale whose space contains every configuration of all others."""
        return cls(FLOWERS_EPOCHS, 1, 6, EVERY_BATCH, classes=True)

    @classmethod
    def of(cls, data: Dataset) -> Self:
        """Return the scale of a data set.

        The most epochs are 160 for 100 rows, 57 for 1,000, 20 for 10,000 and 7 for 100,000.
        """
        rows = len(data.development)
        most = FLOWERS_EPOCHS * (FLOWERS / max(rows, FLOWERS)) ** FEWER
        step = 5 if most >= 40 else 1
        epochs = max(4, step * round(most / step))
        side = min(data.row_shape[1:]) if data.pixels else 64
        depth = min(6, max(3, int(math.log2(side)) - 1))
        batches = next((sizes for most, sizes in BATCHES.items() if rows <= most), LARGE_BATCHES)
        return cls(epochs, step, depth, batches, bool(data.classes))

    @property
    def least_epochs(self) -> int:
        """The fewest epochs: at most the baseline's."""
        return min(self.step if self.step > 1 else 2, self.baseline.epochs)

    @property
    def baseline(self) -> ImagesHyperparameters:
        """A textbook's small network, with ten epochs or the most, if that is fewer."""
        made = ImagesHyperparameters()
        return replace(made, epochs=min(made.epochs, self.epochs))

    @property
    def recipe(self) -> ImagesHyperparameters:
        """A textbook's changes, as in the case `flowers`."""
        return ImagesHyperparameters(
            depth=3,
            width=32,
            batch_norm=True,
            pool_first=True,
            hidden=256,
            dropout=0.3,
            step_lr=True,
            step_size=5,
            gamma=0.1,
            epochs=min(15, self.epochs),
        )

    def suggest(self, trial: BaseTrial) -> ImagesHyperparameters:
        """Draw from the search space."""
        baseline = self.baseline
        step_lr = trial.suggest_categorical("step_lr", (False, True))
        batch_norm = trial.suggest_categorical("batch_norm", (False, True))
        depth = trial.suggest_int("depth", 2, self.depth)
        # Each block doubles the channels, so deep networks are wide enough at their end.
        shallow = depth <= 3
        return ImagesHyperparameters(
            depth=depth,
            width=trial.suggest_int("width", 16, 32, step=8) if shallow else baseline.width,
            padding=trial.suggest_categorical("padding", (False, True)),
            batch_norm=batch_norm,
            pool_first=batch_norm,
            head=trial.suggest_categorical("head", ("flatten", "average", "both")),
            hidden=trial.suggest_categorical("hidden", (0, 64, 128, 256)),
            dropout=trial.suggest_float("dropout", 0.0, 0.6),
            augmentation=trial.suggest_float("augmentation", 0.0, 1.0),
            mirror=trial.suggest_categorical("mirror", (False, True)),
            closer=trial.suggest_categorical("closer", (False, True)),
            label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.2)
            if self.classes
            else baseline.label_smoothing,
            learning_rate=trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-3, 1e-2, 5e-2)),
            optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw", "muon")),
            batch_size=trial.suggest_categorical("batch_size", self.batches),
            epochs=trial.suggest_int("epochs", self.least_epochs, self.epochs, step=self.step),
            step_lr=step_lr,
            step_size=trial.suggest_int("step_size", 3, 60) if step_lr else baseline.step_size,
            gamma=trial.suggest_float("gamma", 0.1, 0.7) if step_lr else baseline.gamma,
            one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
        )


HEAD = HeadHyperparameters()
# A textbook's head for a frozen network.
HEAD_RECIPE = HeadHyperparameters(
    depth=1, width=256, batch_norm=True, dropout=0.3, weight_decay=1e-4, epochs=30
)


def suggest_head(trial: BaseTrial) -> HeadHyperparameters:
    """Draw a head from its search space, which does not depend on the data."""
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    depth = trial.suggest_int("depth", 0, 2)
    hidden = depth > 0
    return HeadHyperparameters(
        depth=depth,
        width=trial.suggest_int("width", 64, 512, log=True) if hidden else HEAD.width,
        activation=trial.suggest_categorical("activation", ("relu", "silu", "gelu", "tanh"))
        if hidden
        else HEAD.activation,
        batch_norm=hidden and trial.suggest_categorical("batch_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.6) if hidden else HEAD.dropout,
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-3, 1e-2, 1e-1)),
        optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw")),
        batch_size=trial.suggest_categorical("batch_size", (16, 32, 64, 128)),
        epochs=trial.suggest_int("epochs", 10, EPOCHS_OF_HEADS, step=10),
        step_lr=step_lr,
        step_size=trial.suggest_int("step_size", 5, 30) if step_lr else HEAD.step_size,
        gamma=trial.suggest_float("gamma", 0.1, 0.9) if step_lr else HEAD.gamma,
        one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
    )
