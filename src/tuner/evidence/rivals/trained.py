"""Rivals of a network on a table: a linear model and gradient boosting, by scikit-learn.

They get the same rows: settings are chosen by their scores on the folds of the search, and then
models are trained on all development rows, with seeds of their own, and meet the test at its first
look.
"""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from tuner.case.figures import score_text
from tuner.case.metric import scores
from tuner.data.scaling import Scaler
from tuner.data.splits import everything, folds
from tuner.errors import first_line
from tuner.evidence.rivals.models import SETTINGS
from tuner.evidence.rivals.realmlp import is_installed
from tuner.language import said
from tuner.machine import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from tuner.data.splits import Fold
    from tuner.data.table import Table
    from tuner.study.configuration import StudyConfig

TITLES = {
    "linear": said("linear model"),
    "boosting": said("gradient boosting"),
    "realmlp": "RealMLP",  # a name
}
SMALLEST = 1e-9  # of a probability, before its logarithm
# Threads of boosting wait for each other by turning round. On two quiet cores two gain nothing at
# 2,000 rows and a tenth at 20,000; beside other work they take 5 times as long as one (median of 12
# pairs of 128 to 20,000 rows).
ROWS_A_THREAD = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A rival in its best setting, with a model a seed.

    Attributes:
        setting: in words.
        validation: its score on each fold of the search.
        models: give outputs as a network does: log probabilities (N, classes), or numbers (N, 1) in
            standardised units.
        seconds: that all of it took.
    """

    name: str
    setting: str
    validation: tuple[float, ...]
    models: tuple[Callable[[Tensor], Tensor], ...]
    seconds: float

    def facts(self) -> dict[str, Any]:
        """Return what a study keeps of it, besides its test scores."""
        return {
            "title": TITLES[self.name],
            "setting": self.setting,
            "validation": list(self.validation),
            "seconds": self.seconds,
        }


def train_rivals(
    config: StudyConfig,
    seeds: Callable[[str], Sequence[int]],
    say: Callable[[str], None],
    give_up: Callable[[str, str], None] = lambda _name, _reason: None,
) -> dict[str, Rival]:
    """Train the rivals of a study on a table; there are none for other data.

    Args:
        seeds: of the models that will meet the test, by the rival's name.
        give_up: is told the name of a rival that these rows cannot train, and why.
    """
    table = config.dataset.table
    if table is None:
        return {}
    found = {}
    for name in TITLES:
        if name == "realmlp" and not is_installed():
            continue
        try:
            found[name] = rival = _trained(config, table, name, seeds(name))
        except ValueError as error:  # as where the rows of a fold have one class
            reason = first_line(error)
            say(f"Rival, {TITLES[name]}, cannot be trained on these rows: {reason}")
            give_up(TITLES[name], reason)
            continue
        score = fmean(rival.validation)
        say(
            f"Rival, {TITLES[name]} ({rival.setting}): {config.case.metric.name} "
            f"{score_text(score)} on the folds of the search ({rival.seconds:.1f} s)."
        )
    return found


def _trained(config: StudyConfig, table: Table, name: str, seeds: Sequence[int]) -> Rival:
    began = time.perf_counter()
    rows, case = config.dataset.development, config.case
    splits = folds(rows, config.dataset.validation, config.seed)
    settings = dict(SETTINGS[name](config, table))
    found = {
        label: tuple(_score(config, make, fold) for fold in splits)
        for label, make in settings.items()
    }
    label = max(found, key=lambda one: case.metric.sign * fmean(found[one]))
    (whole,) = everything(rows)
    return Rival(
        name=name,
        setting=label,
        validation=found[label],
        models=tuple(_fitted(config, settings[label], whole, seed) for seed in seeds),
        seconds=time.perf_counter() - began,
    )


def _score(config: StudyConfig, make: Callable[[int], Any], fold: Fold) -> float:
    rows = config.dataset.development
    model = _fitted(config, make, fold, config.seed)
    targets, metric, undo = rows.targets[fold.validation], config.case.metric, None
    if not config.dataset.classes:
        scaler = Scaler.fit(rows.targets[fold.training])
        targets, undo = scaler(targets), scaler.undo
    outputs = model(rows.features[fold.validation])
    return scores([metric], outputs, targets, undo)[metric.name]


def _fitted(
    config: StudyConfig, make: Callable[[int], Any], fold: Fold, seed: int
) -> Callable[[Tensor], Tensor]:
    """Fit a model on the training part of a fold, and return what gives its outputs."""
    rows, classes = config.dataset.development, len(config.dataset.classes)
    features, targets = rows.features[fold.training], rows.targets[fold.training]
    if not classes:
        targets = Scaler.fit(targets)(targets).ravel()
    model = make(seed % 2**32)
    with _quietly(len(features)):
        model.fit(features.numpy(), targets.numpy())

    def outputs(new: Tensor) -> Tensor:
        with _quietly(len(new)):
            return _outputs(model, new.numpy(), classes)

    return outputs


@contextmanager
def _quietly(rows: int) -> Iterator[None]:
    """Suppress warnings, and use as many threads as this number of rows keeps busy."""
    threads = min(usable_cores(), 1 + rows // ROWS_A_THREAD)
    with threadpool_limits(threads, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of slow convergence; its score is what counts
        yield


def _outputs(model: Any, features: NDArray[np.float64], classes: int) -> Tensor:
    if not classes:
        numbers = np.asarray(model.predict(features), dtype=np.float32)
        return torch.from_numpy(numbers).view(-1, 1)
    found = np.full((len(features), classes), SMALLEST)
    found[:, model.classes_] = model.predict_proba(features)
    return torch.from_numpy(np.log(np.maximum(found, SMALLEST))).float()
