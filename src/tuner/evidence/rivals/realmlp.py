"""RealMLP with its tuned defaults, a further rival if pytabkit is installed.

Holzmüller et al. 2024, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular
Data". Install it with `pip install 'tuner[realmlp]'`. It trains for minutes; the other rivals take
seconds.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tuner.data.table import Table

LOGGERS = ("lightning", "lightning.pytorch", "lightning.fabric", "pytorch_lightning")


def is_installed() -> bool:
    """Whether pytabkit is installed, without importing it."""
    return find_spec("pytabkit") is not None


class RealMLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """RealMLP as a scikit-learn estimator on rows of a `Table`: numbers with gaps, then codes.

    A fifth of the training rows is used to choose the epoch, as its authors do.
    """

    def __init__(self, table: Table, *, classes: bool, seed: int) -> None:
        self.table, self.classes, self.seed = table, classes, seed

    def fit(self, features: NDArray[np.float64], targets: NDArray[Any]) -> Self:
        """Train on features (N, F) and targets (N,)."""
        from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

        kind = RealMLP_TD_Classifier if self.classes else RealMLP_TD_Regressor
        count = len(self.table.gaps)
        codes = [place >= count for place in range(features.shape[1])]
        # A column may be empty in the training rows of a fold.
        self.medians = SimpleImputer(strategy="median", keep_empty_features=True)
        if count:
            self.medians.fit(features[:, :count])
        self.model = kind(device="cpu", random_state=self.seed, n_threads=1)
        with _quiet():
            self.model.fit(self._complete(features), targets, cat_indicator=codes)
        self.classes_ = self.model.classes_ if self.classes else None
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[Any]:
        """Predict numbers (N,)."""
        with _quiet():
            found: NDArray[Any] = self.model.predict(self._complete(features))
        return found

    def predict_proba(self, features: NDArray[np.float64]) -> NDArray[Any]:
        """Predict probabilities (N, classes seen in training)."""
        with _quiet():
            found: NDArray[Any] = self.model.predict_proba(self._complete(features))
        return found

    def _complete(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fill the gaps of numbers with medians."""
        count = len(self.table.gaps)
        if not count:
            return features
        return np.hstack([self.medians.transform(features[:, :count]), features[:, count:]])


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Lightning prints and logs."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
