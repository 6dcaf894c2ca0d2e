"""Reads the scores that a loop yields or returns, and its result on test rows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.errors import DivergedError, TrainingError
from tuner.own.loops.events import OnTestRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

VALIDATION = "validation"
WINDOW = 0.1  # a generator's score is the mean over this last share of its yields


class NoScoreError(TrainingError):
    """A loop has ended without a score."""


def score_of(result: object) -> float:
    """Return the score that an objective has returned.

    Raises:
        NoScoreError: it is not a number.
        DivergedError: it is not finite.
    """
    if isinstance(result, tuple | list):
        raise NoScoreError(
            f"no score: the loop returned {len(result)} values; a study searches for one, so "
            "return one number"
        )
    return _finite(_number(result, "returned"), "returned")


def score_of_yields(values: Sequence[float]) -> float:
    """Return the score of a generator: the mean of the last tenth of its yields.

    The best of many would be the luckiest one, and would favour unstable trainings.

    Raises:
        NoScoreError: it has yielded nothing.
    """
    if not values:
        raise NoScoreError(
            "no score: the loop yielded nothing; yield the validation score after each epoch"
        )
    return fmean(values[-max(1, round(WINDOW * len(values))) :])


def yielded(said: object) -> tuple[float, dict[str, float]]:
    """Return the validation score that a generator has yielded, and its further numbers.

    Raises:
        NoScoreError: there is no such score, or a further value is not a number.
        DivergedError: the score is not finite.
    """
    if not isinstance(said, Mapping):
        return _finite(_number(said, "yielded"), "yielded"), {}
    if VALIDATION not in said:
        names = ", ".join(map(str, said)) or "nothing"
        raise NoScoreError(f"no score: the loop yielded {names}; it has to hold {VALIDATION!r}")
    numbers = {str(key): _number(value, f"yielded {key} =") for key, value in said.items()}
    return _finite(numbers.pop(VALIDATION), "yielded"), numbers


def tested(result: object, direction: str) -> OnTestRows:
    """Return the result of a model on test rows.

    Args:
        result: one score; or the score of each row, (N,); or {"predictions": (N,) or (N, classes),
            "targets": (N,)} with classes, which are right or wrong, or numbers.
        direction: of the study's score.

    Raises:
        NoScoreError: it is none of these.
        DivergedError: a score is not finite.
    """
    if isinstance(result, Mapping):
        return _of_predictions(result, direction)
    values = _array(result)
    if values.ndim == 0 or values.size == 1:
        return OnTestRows(_finite(float(values.reshape(())), "test returned"))
    if values.ndim > 1:
        raise NoScoreError(
            f"no test score: an array of shape {values.shape}; return one number, one score a row, "
            "(N,), or {'predictions': ..., 'targets': ...}"
        )
    if not np.isfinite(values).all():
        raise DivergedError("test returned scores that are not finite numbers")
    rows = tuple(values.astype(np.float64).tolist())
    return OnTestRows(fmean(rows), rows, f"{len(rows)} rows")


def _of_predictions(said: Mapping[Any, Any], direction: str) -> OnTestRows:
    if not {"predictions", "targets"} <= said.keys():
        raise NoScoreError(
            f"no test score: a mapping of {', '.join(map(str, said))}; it has to hold "
            "'predictions' and 'targets'"
        )
    predictions, targets = _array(said["predictions"]), _array(said["targets"])
    if targets.ndim > 1 and targets.size != len(targets):
        raise NoScoreError(
            f"no test score: targets of shape {targets.shape}; a row has one target, (N,). Return "
            "the score of each row in place of predictions and targets"
        )
    targets = targets.reshape(-1)
    are_classes = np.issubdtype(targets.dtype, np.integer) or targets.dtype == np.bool_
    if are_classes and predictions.ndim == 2 and predictions.shape[1] > 1:
        predictions = predictions.argmax(axis=1)
    elif are_classes and np.isfinite(predictions).all() and (predictions % 1).any():
        raise NoScoreError(
            "no test score: the targets are classes, and predictions of one number a row are no "
            "whole numbers. Return classes, as (p > 0.5) makes of probabilities, or a number for "
            "each class: (N, classes)"
        )
    if predictions.size != targets.size:
        raise NoScoreError(
            f"no test score: predictions of shape {predictions.shape} for {targets.size} targets"
        )
    fits = "maximize" if are_classes else "minimize"
    if direction != fits:
        what = "classes are scored by accuracy" if are_classes else "numbers by absolute error"
        raise NoScoreError(
            f"no test score: predictions of {what}, and this study has to {direction}; return the "
            "score of each row in place of predictions and targets"
        )
    flat = predictions.reshape(-1)
    scores = flat == targets if are_classes else np.abs(flat - targets)
    rows = tuple(scores.astype(np.float64).tolist())
    if not all(map(math.isfinite, rows)):
        raise DivergedError("test predictions are not finite numbers")
    identity = hashlib.sha256(np.ascontiguousarray(np.sort(targets)).tobytes()).hexdigest()
    return OnTestRows(fmean(rows), rows, identity)


def _array(value: Any) -> NDArray[Any]:
    """Return an array of any library as one of NumPy."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() and value.itemsize < 4 else value
    try:
        found = np.asarray(value)
    except Exception as error:
        name = type(value).__name__
        raise NoScoreError(f"no test score: {name} is not an array of numbers") from error
    if not (np.issubdtype(found.dtype, np.number) or found.dtype == np.bool_):
        raise NoScoreError(
            f"no test score: {type(value).__name__} {str(value)[:60]!r}; return one number, one "
            "score a row, or {'predictions': ..., 'targets': ...}"
        )
    return found


def _number(value: Any, how: str) -> float:
    if isinstance(value, str | bytes | complex | None):
        raise NoScoreError(f"no score: the loop {how} {value!r}; it has to be a number")
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        shown = " ".join(repr(value).split())[:60]
        raise NoScoreError(
            f"no score: the loop {how} {shown} ({type(value).__name__}); it has to be a number"
        ) from error


def _finite(value: float, how: str) -> float:
    if not math.isfinite(value):
        raise DivergedError(f"not a number: the loop {how} {value}")
    return value
