"""Model, baseline, recipe and search space for a table, scaled to its rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tuner.case.contract import Case
from tuner.models.tabular import TabularHyperparameters, build_tabular
from tuner.own.table.data import load

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from tuner.data.dataset import Dataset
    from tuner.own.table.given import Given

MOST_NUMBERS = 200  # columns; with more, waves would take most of the work
FEWEST_FOR_WAVES = 500  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class TableHyperparameters(TabularHyperparameters):
    """Hyperparameters of a table's network and training; a study's baseline sets its own values."""

    depth: int = 2
    width: int = 64
    batch_size: int = 64
    epochs: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The part of the search space that depends on the data.

    Attributes:
        widths: least and most units of the first hidden layer.
        batches: sizes to choose from.
        epochs: least and most, in steps of `epoch_step`.
        categories: whether there are any.
        waves: numbers of waves to choose from.
    """

    widths: tuple[int, int]
    batches: tuple[int, ...]
    epochs: tuple[int, int]
    epoch_step: int
    categories: bool
    waves: tuple[int, ...]


# For a case that has not seen its data yet: contains the ranges for any data.
ANY = Scale(
    widths=(16, 512),
    batches=(16, 32, 64, 128, 256, 512, 1024),
    epochs=(10, 150),
    epoch_step=1,
    categories=True,
    waves=(0, 8, 16),
)


def make_case(given: Given) -> Case:
    """Return the case, which `settle` scales to its data."""
    return Case(
        name="table",
        task=given.task or "regression",  # type: ignore[arg-type]  # one of the option's choices
        baseline=TableHyperparameters(),
        recipe=TableHyperparameters(),
        suggest=partial(suggest, ANY),
        load=partial(load, given),
        build=build_tabular,
        settle=partial(settle, given),
    )


def settle(given: Given, data: Dataset) -> Case:
    """Return the case for a data set: its task, baseline, recipe and space."""
    scale = scale_for(data)
    plain = TableHyperparameters(
        width=min(64, scale.widths[1]),
        batch_size=scale.batches[1],
        epochs=scale.epochs[0] + scale.epoch_step,
    )
    recipe = replace(
        plain,
        depth=3,
        width=scale.widths[1],
        dropout=0.1,
        waves=scale.waves[-1],
        optimizer="adamw",
        weight_decay=1e-2,
        learning_rate=2e-3,
        one_cycle=True,
        epochs=scale.epochs[0] + 3 * scale.epoch_step,
    )
    return replace(
        make_case(given),
        task="classification" if data.classes else "regression",
        baseline=plain,
        recipe=recipe,
        suggest=partial(suggest, scale),
    )


def scale_for(data: Dataset) -> Scale:
    """Return the scale for a data set: more rows allow wider networks and need fewer epochs."""
    rows = len(data.development)
    table = data.table
    numbers = len(table.gaps) if table else len(data.columns)
    waves = 0 < numbers <= MOST_NUMBERS and rows >= FEWEST_FOR_WAVES
    categories = bool(table and table.cardinalities)
    some = (0, 8, 16) if waves else (0,)
    if rows < 1000:
        return Scale(
            widths=(16, 128),
            batches=(16, 32, 64),
            epochs=(20, 150),
            epoch_step=10,
            categories=categories,
            waves=some,
        )
    if rows < 10_000:
        return Scale(
            widths=(32, 256),
            batches=(32, 64, 128, 256),
            epochs=(20, 100),
            epoch_step=10,
            categories=categories,
            waves=some,
        )
    return Scale(
        widths=(64, 256),
        batches=(128, 256, 512) if rows < 100_000 else (256, 512, 1024),
        epochs=(10, 60) if rows < 100_000 else (10, 30),
        epoch_step=10 if rows < 100_000 else 5,
        categories=categories,
        waves=some,
    )


def suggest(scale: Scale, trial: BaseTrial) -> TableHyperparameters:
    """Draw from the search space."""
    plain = TableHyperparameters()
    depth = trial.suggest_int("depth", 1, 4)
    step_lr = trial.suggest_categorical("step_lr", (False, True))
    early_stopping = trial.suggest_categorical("early_stopping", (False, True))
    many = len(scale.waves) > 1
    waves = trial.suggest_categorical("waves", scale.waves) if many else plain.waves
    decays = (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    return TableHyperparameters(
        depth=depth,
        width=trial.suggest_int("width", *scale.widths, log=True),
        taper=trial.suggest_categorical("taper", (False, True)) if depth > 1 else plain.taper,
        activation=trial.suggest_categorical("activation", ("relu", "silu", "gelu")),
        batch_norm=trial.suggest_categorical("batch_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        embedding=trial.suggest_categorical("embedding", (2, 4, 8, 16, 32))
        if scale.categories
        else plain.embedding,
        waves=waves,
        frequency=trial.suggest_float("frequency", 0.01, 1.0, log=True)
        if waves
        else plain.frequency,
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        weight_decay=trial.suggest_categorical("weight_decay", decays),
        optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw")),
        batch_size=trial.suggest_categorical("batch_size", scale.batches),
        epochs=trial.suggest_int("epochs", *scale.epochs, step=scale.epoch_step),
        step_lr=step_lr,
        step_size=trial.suggest_int("step_size", 3, 30) if step_lr else plain.step_size,
        gamma=trial.suggest_float("gamma", 0.05, 0.9) if step_lr else plain.gamma,
        one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
        early_stopping=early_stopping,
        patience=trial.suggest_int("patience", 5, 30) if early_stopping else plain.patience,
        label_smoothing=plain.label_smoothing,
    )
