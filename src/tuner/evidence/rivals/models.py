"""The rivals of a network on a table, with the settings that are tried for each.

Their preparation of the columns is part of the models, so that it is fitted within each fold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

from tuner.case.metric import MAE
from tuner.evidence.rivals.realmlp import RealMLP
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tuner.data.table import Table
    from tuner.study.configuration import StudyConfig

NATIVE = 250  # values of a category that boosting can use directly; more are encoded


def _linear(config: StudyConfig, table: Table) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Yield settings of a linear model: the scaling of numbers, and the penalty."""
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
                    else _for_skewed_target(Ridge(alpha=strength, random_state=seed), table)
                )
                return make_pipeline(_prepared(table, scaler()), model)

            yield (
                said("numbers {scaled}, penalty {strength:g}", scaled=title, strength=strength),
                make,
            )


def _boosting(config: StudyConfig, table: Table) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Yield settings of histogram gradient boosting: scikit-learn's defaults, and slower ones."""
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
    # Encoded columns come last.
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
            return make_pipeline(before, model if plain else _for_skewed_target(model, table))

        yield label, make


def _realmlp(config: StudyConfig, table: Table) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Yield the one setting of RealMLP: its authors' tuned defaults."""

    def make(seed: int) -> Any:
        classes = bool(config.dataset.classes)
        model = RealMLP(table, classes=classes, seed=seed)
        return model if classes else _for_skewed_target(model, table)

    yield said("tuned defaults"), make


SETTINGS = {"linear": _linear, "boosting": _boosting, "realmlp": _realmlp}


def _for_skewed_target(model: Any, table: Table) -> Any:
    """Make a regressor transform a target with a long tail as the network does."""
    if not table.skewed:
        return model
    return TransformedTargetRegressor(model, transformer=PowerTransformer())


def _prepared(table: Table, scaler: Any) -> ColumnTransformer:
    """Return a transformer from rows to numbers without gaps, for a linear model."""
    count, all_ = len(table.gaps), len(table.features)
    numbers = make_pipeline(
        scaler, SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    )
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3)
    parts = [("numbers", numbers, list(range(count)))] if count else []
    return ColumnTransformer(
        [*parts, *([("codes", codes, list(range(count, all_)))] if all_ > count else [])]
    )
