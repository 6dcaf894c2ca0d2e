"""Trains the rivals of a network on a table: a linear model and gradient boosting.

They get the network's rows. Settings are chosen by their scores on the folds of the search. Then
models are trained on all development rows, with seeds of their own, and are tested at the test's
first look.
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
SMALLEST = 1e-9  # lower bound of a probability, before its logarithm
# Threads of boosting wait for each other in busy loops. On two idle cores, two threads gain nothing
# at 2,000 rows and a tenth at 20,000; beside other work they take 5 times as long as one (median of
# 12 pairs of 128 to 20,000 rows).
ROWS_A_THREAD = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A rival in its best setting, with one model per seed.

    Attributes:
        setting: in words.
        validation: its score on each fold of the search.
        models: return outputs as a network does: log probabilities (N, classes), or numbers (N, 1)
            in standardised units.
        seconds: for everything together.
    """

    name: str
    setting: str
    validation: tuple[float, ...]
    models: tuple[Callable[[Tensor], Tensor], ...]
    seconds: float

    def facts(self) -> dict[str, Any]:
        """Return what a study stores about it, besides its test scores."""
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
    """Train the rivals of a study on a table; for other data there are none.

    Args:
        seeds: returns the seeds of the models to test, by the rival's name.
        give_up: is called with the name of a rival that cannot be trained on these rows, and why.
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
        except ValueError as error:  # for example, if the rows of a fold have one class
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
    """Fit a model on the training part of a fold, and return a function to its outputs."""
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
        warnings.simplefilter("ignore")  # about slow convergence; only the score matters
        yield


def _outputs(model: Any, features: NDArray[np.float64], classes: int) -> Tensor:
    if not classes:
        numbers = np.asarray(model.predict(features), dtype=np.float32)
        return torch.from_numpy(numbers).view(-1, 1)
    found = np.full((len(features), classes), SMALLEST)
    found[:, model.classes_] = model.predict_proba(features)
    return torch.from_numpy(np.log(np.maximum(found, SMALLEST))).float()
