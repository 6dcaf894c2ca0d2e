"""Metrics without a value per row, computed on rows with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tuner.evidence.statistics.components import Array


class Score(Protocol):
    """A metric of models on weighted rows."""

    def __call__(self, predictions: NDArray[np.generic], targets: Array, weights: Array) -> Array:
        """Score every model on every weighting of the rows.

        Args:
            predictions: (seeds, rows, ...).
            targets: (rows,).
            weights: (resamples, rows): how often each row counts, zero or more times.

        Returns:
            (resamples, seeds).
        """


def macro_f1(predictions: NDArray[np.generic], targets: Array, weights: Array) -> Array:
    """Score classes by macro F1 over the classes that have rows, as `case.metric.scores` does.

    Args:
        predictions: (seeds, rows) classes, 0, 1, ...
        targets: (rows,) classes.
        weights: (resamples, rows).

    Returns:
        (resamples, seeds).
    """
    guesses, truth = predictions.astype(np.int64), targets.astype(np.int64)
    classes = int(max(guesses.max(), truth.max())) + 1
    rows = np.arange(len(truth))
    turned = np.ascontiguousarray(weights.T)  # (rows, resamples)

    def counts(labels: NDArray[np.int64], chosen: NDArray[np.int64]) -> Array:
        """Sum the weights of the chosen rows by their label: (classes, resamples)."""
        marks = (np.ones(len(chosen)), (labels[chosen], chosen))
        return np.asarray(csr_array(marks, shape=(classes, len(truth))) @ turned)

    actual = counts(truth, rows)
    found = np.empty((weights.shape[0], len(guesses)))
    for model, guess in enumerate(guesses):
        right = counts(truth, np.flatnonzero(guess == truth))
        total = actual + counts(guess, rows)
        known = actual > 0  # else a class that is only predicted would count for some models
        scores = 2 * np.divide(right, total, out=np.zeros_like(total), where=known)
        found[:, model] = scores.sum(axis=0) / known.sum(axis=0)
    return found


def unit_of_macro_f1(targets: Array) -> float:
    """Return how much one row of N changes macro F1, times N; more so in a rare class."""
    _, counts = np.unique(targets, return_counts=True)
    return float((len(targets) * (1 / counts).sum()) ** 0.5 / len(counts))


def auc(predictions: NDArray[np.generic], targets: Array, weights: Array) -> Array:
    """Score two classes by the area under the ROC curve; nan if one of them has no weight.

    This is the share of pairs, one row of each class, that a model puts in the right order; ties
    count half (Hanley & McNeil 1982).

    Args:
        predictions: (seeds, rows, 2) outputs of models, the second for class 1.
        targets: (rows,) of 0 and 1.
        weights: (resamples, rows).

    Returns:
        (resamples, seeds).
    """
    found = np.empty((len(weights), len(predictions)))
    for model, said in enumerate(predictions.astype(np.float64)):
        levels = said[:, 1] - said[:, 0]
        order = np.argsort(levels, kind="stable")
        starts = np.flatnonzero(np.diff(levels[order], prepend=-np.inf))  # of each level
        ones, zeros = (
            np.add.reduceat(weights[:, order] * (targets[order] == label), starts, axis=1)
            for label in (1, 0)
        )
        below = zeros.cumsum(axis=1) - zeros / 2
        pairs = ones.sum(axis=1) * zeros.sum(axis=1)
        right = (ones * below).sum(axis=1)
        found[:, model] = np.divide(right, pairs, out=np.full_like(right, np.nan), where=pairs > 0)
    return found


def unit_of_auc(targets: Array) -> float:
    """Return how much one row of N can change the area under the ROC curve at most, times N."""
    ones = float((targets == 1).sum())
    return len(targets) / max(1.0, min(ones, len(targets) - ones))
