"""Learns from the trials of a search how good configurations are and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import log_ndtr

from tuner.search.gaussian import fit, learn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tuner.search.encoding import Encoding
    from tuner.search.gaussian import Gaussian

    Numbers: TypeAlias = NDArray[np.float64]

MOST_LEARNT, MOST_FITTED = 256, 80  # trials; if more: the best half, and a sample of the others
MOST_COUNTED = 64  # latest trials; computation has no noise, so few are enough


class Excess:
    """A model of how far configurations exceed their limits.

    Args:
        rows: of trials, shape (n, columns).
        excess: how far each is over its limit, as a share of the limit, shape (n,).
    """

    def __init__(self, encoding: Encoding, rows: Numbers, excess: Numbers) -> None:
        bent = np.log1p(excess) if excess.min() > -1 else np.arcsinh(excess)  # as shares of a limit
        spread = bent.std() or 1.0
        self._edge = -bent.mean() / spread
        self._model = _learn_exact(encoding, rows, (bent - bent.mean()) / spread)

    def log_chance(self, features: Numbers) -> Numbers:
        """Return the logarithm of the probability that the limits are kept."""
        means, deviations = self._model.at(features)
        chance: Numbers = log_ndtr((self._edge - means) / deviations)
        return chance


class Computing:
    """A model of how much computation the trainings of configurations need.

    Args:
        rows: of trials, shape (n, columns).
        work: work of their whole trainings, shape (n,).
    """

    def __init__(self, encoding: Encoding, rows: Numbers, work: Numbers) -> None:
        logs = np.log(work)
        self._spread = logs.std() or 1.0
        self._model = _learn_exact(encoding, rows, (logs - logs.mean()) / self._spread)

    def logs(self, features: Numbers) -> Numbers:
        """Return the logarithm of the expected work, relative to an average trial."""
        return self._spread * self._model.means(features)


def learn_from(encoding: Encoding, rows: Numbers, values: Numbers, doubts: Numbers) -> Gaussian:
    """Learn the values of rows; if there are many, the smoothness is fitted to a subset."""
    features = encoding.features(rows)
    some = np.sort(some_of(np.argsort(values, kind="stable"), MOST_FITTED))
    logs = fit(features[some], encoding.owners, values[some], doubts[some])
    return learn(features, encoding.owners, values, doubts, logs)


def _learn_exact(encoding: Encoding, rows: Numbers, values: Numbers) -> Gaussian:
    return learn_from(encoding, rows, values, np.zeros(len(values)))


def some_of(best_first: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return `most` indices: the best for one half, evenly spread over the others for the other."""
    if len(best_first) <= most:
        return best_first
    best, rest = best_first[: most // 2], best_first[most // 2 :]
    places = np.linspace(0, len(rest) - 1, most - len(best)).round().astype(int)
    return np.concatenate([best, rest[places]])
