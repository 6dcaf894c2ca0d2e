"""Rivals of a network on a table: a linear model and gradient boosting, by scikit-learn.

They get the same rows: settings are chosen by their scores on the folds of the search, and then
models are trained on all development rows, with seeds of their own, and meet the test at its first
look. What they need of preparation is fitted inside each fold too.
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
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)
from threadpoolctl import threadpool_limits

from tuner.case.figures import score_text
from tuner.case.metric import MAE, scores
from tuner.data.scaling import Scaler
from tuner.data.splits import everything, folds
from tuner.errors import first_line
from tuner.evidence.realmlp import RealMLP, is_installed
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
NATIVE = 250  # values of a category that boosting takes as they are; more are encoded
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
    """Warn of nothing, and let so many threads work as so many rows keep busy."""
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


def _linear(config: StudyConfig, table: Table) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Yield settings of a linear model: how numbers are scaled, and how strongly it is held."""
    scalers = {
        said("standardised"): StandardScaler,
        said("by quantiles"): lambda: QuantileTransformer(
            n_quantiles=min(1000, max(10, len(config.dataset.development) // 30)),
            output_distribution="normal",
            subsample=None,
        ),
    }
    for title, scaler in scalers.items():
        for strength in (1.0, 100.0):

            def make(seed: int, scaler: Any = scaler, strength: float = strength) -> Any:
                model = (
                    LogisticRegression(C=1 / strength, max_iter=500, random_state=seed)
                    if config.dataset.classes
                    else _straightened(Ridge(alpha=strength, random_state=seed), table)
                )
                return make_pipeline(_prepared(table, scaler()), model)

            yield (
                said("numbers {scaled}, penalty {strength:g}", scaled=title, strength=strength),
                make,
            )


def _boosting(config: StudyConfig, table: Table) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Yield settings of histogram gradient boosting: scikit-learn's own, and slower ones."""
    slow = {"learning_rate": 0.05, "max_iter": 1000, "early_stopping": True}
    settings: dict[str, dict[str, Any]] = {
        said("scikit-learn's defaults"): {},
        said("rate 0.05"): slow,
    }
    if not config.dataset.classes and config.case.metric == MAE:
        settings[said("rate 0.05, absolute error")] = {**slow, "loss": "absolute_error"}
    count = len(table.gaps)
    native = [place for place, size in enumerate(table.cardinalities, count) if size <= NATIVE]
    many = [place for place, size in enumerate(table.cardinalities, count) if size > NATIVE]
    # The columns that are encoded come last.
    order = [*range(count), *native]
    marked = list(range(count, len(order)))
    for label, given in settings.items():

        def make(seed: int, given: dict[str, Any] = given) -> Any:
            kind = (
                HistGradientBoostingClassifier
                if config.dataset.classes
                else HistGradientBoostingRegressor
            )
            model = kind(categorical_features=marked or None, random_state=seed, **given)
            encoded = [("encoded", TargetEncoder(random_state=seed), many)] if many else []
            before = ColumnTransformer([("as they are", "passthrough", order), *encoded])
            plain = given.get("loss") == "absolute_error" or config.dataset.classes
            return make_pipeline(before, model if plain else _straightened(model, table))

        yield label, make


def _realmlp(config: StudyConfig, table: Table) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Yield the one setting of RealMLP: that which its authors have tuned."""

    def make(seed: int) -> Any:
        classes = bool(config.dataset.classes)
        model = RealMLP(table, classes=classes, seed=seed)
        return model if classes else _straightened(model, table)

    yield said("tuned defaults"), make


SETTINGS = {"linear": _linear, "boosting": _boosting, "realmlp": _realmlp}


def _straightened(model: Any, table: Table) -> Any:
    """Have a regressor learn a target with a long tail as the network does."""
    if not table.skewed:
        return model
    return TransformedTargetRegressor(model, transformer=PowerTransformer())


def _prepared(table: Table, scaler: Any) -> ColumnTransformer:
    """Return what makes a row of numbers without gaps, for a linear model."""
    count, all_ = len(table.gaps), len(table.features)
    numbers = make_pipeline(
        scaler, SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    )
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3)
    parts = [("numbers", numbers, list(range(count)))] if count else []
    return ColumnTransformer(
        [*parts, *([("codes", codes, list(range(count, all_)))] if all_ > count else [])]
    )
