"""The five largest classes of Flowers-102 at 64x64: 100 images to develop on, 983 to test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.case.contract import Case
from tuner.data.sources import drawn, flowers102
from tuner.models.cnn import augment_photos
from tuner.models.photos import PhotoHyperparameters, build_photo_cnn

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner.data.dataset import Dataset
    from tuner.data.sources.folders import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowersHyperparameters(PhotoHyperparameters):
    """The defaults are the baseline: 2 convolutions (16, 32), FC 64, Adam, 10 epochs."""

    width: int = 16
    hidden: int = 64
    batch_size: int = 32
    epochs: int = 10


def suggest(trial: BaseTrial) -> FlowersHyperparameters:
    """Draw from the search space."""
    baseline = FlowersHyperparameters()
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    batch_norm = trial.suggest_categorical("batch_norm", (False, True))
    depth = trial.suggest_int("depth", 2, 5)
    # Each block doubles the channels, so deep networks are wide enough at their end.
    shallow = depth <= 3
    return FlowersHyperparameters(
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
        label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.2),
        learning_rate=trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-3, 1e-2, 5e-2)),
        optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw", "muon")),
        # Not 4: an epoch takes a quarter longer (studies/photos), and searches spent most time on
        # those.
        batch_size=trial.suggest_categorical("batch_size", (8, 16, 32)),
        epochs=trial.suggest_int("epochs", 10, 160, step=5),
        step_lr=step_lr,
        step_size=trial.suggest_int("step_size", 3, 60) if step_lr else baseline.step_size,
        gamma=trial.suggest_float("gamma", 0.1, 0.7) if step_lr else baseline.gamma,
        one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
    )


def load(folders: Folders) -> Dataset:
    """Load Flowers-102, or draw flowers as a stand-in."""
    return folders.find(flowers102.FILES, flowers102.read, flowers102.download, stand_in=drawn.make)


CASE = Case(
    name="flowers",
    task="classification",
    baseline=FlowersHyperparameters(),
    recipe=FlowersHyperparameters(
        depth=3,
        width=32,
        batch_norm=True,
        pool_first=True,
        hidden=256,
        dropout=0.3,
        step_lr=True,
        step_size=5,
        gamma=0.1,
        epochs=15,
    ),
    suggest=suggest,
    load=load,
    build=build_photo_cnn,
    augment=augment_photos,
    read=flowers102.read_photo,
)
