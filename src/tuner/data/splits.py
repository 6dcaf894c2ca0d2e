"""Splits of the development data: one held-out part, or k folds, stratified over classes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.model_selection import KFold as SklearnKFold
from sklearn.model_selection import StratifiedKFold, train_test_split

from tuner.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.data.examples import Examples


def _whole(scheme: str, number: object, fewest: int) -> int:
    """Return a whole number of any library as Python's.

    Raises:
        DataError: it is something else, or too small.
    """
    try:
        found = index(number)  # type: ignore[arg-type]  # what is not one raises
    except TypeError:
        found = fewest - 1
    if found < fewest:
        raise DataError(f"{scheme}({number!r}): give a whole number, {fewest} or more")
    return found


@dataclass(frozen=True, slots=True)
class Holdout:
    """Hold out `rows` rows for validation, once.

    >>> Holdout(5000).rows
    5000
    """

    rows: int

    def __post_init__(self) -> None:
        """Refuse what is not a number of rows."""
        object.__setattr__(self, "rows", _whole("Holdout", self.rows, 1))


@dataclass(frozen=True, slots=True)
class KFold:
    """Split into `k` folds; each is the validation part once.

    >>> KFold(5).k
    5
    """

    k: int

    def __post_init__(self) -> None:
        """Refuse what is not a number of folds."""
        object.__setattr__(self, "k", _whole("KFold", self.k, 2))


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers of one split; `validation` is empty when everything is trained on.

    Attributes:
        training: (R,) int64.
        validation: (V,) int64.
    """

    training: Tensor
    validation: Tensor


def folds(development: Examples, scheme: Holdout | KFold, seed: int) -> tuple[Fold, ...]:
    """Split the development rows, stratified over classes where targets are classes.

    The same rows, scheme and seed give the same folds; row numbers within a part are sorted.

    Raises:
        DataError: there are too few rows, of the whole or of a class, to split them so.
    """
    try:
        return _folds(development, scheme, seed)
    except ValueError as error:
        raise DataError(
            f"{len(development)} development rows cannot be split by {scheme}: {error}"
        ) from error


def everything(development: Examples) -> tuple[Fold, ...]:
    """One fold that trains on all development rows and validates on none."""
    return (Fold(torch.arange(len(development)), torch.empty(0, dtype=torch.int64)),)


def _folds(development: Examples, scheme: Holdout | KFold, seed: int) -> tuple[Fold, ...]:
    count = len(development)
    stratified = not development.targets.is_floating_point()
    labels = development.targets.numpy()
    if isinstance(scheme, Holdout):
        training, validation = train_test_split(
            np.arange(count),
            test_size=scheme.rows,
            random_state=seed,
            stratify=labels if stratified else None,
        )
        return (_fold(training, validation),)
    splitter = (
        StratifiedKFold(scheme.k, shuffle=True, random_state=seed)
        if stratified
        else SklearnKFold(scheme.k, shuffle=True, random_state=seed)
    )
    with warnings.catch_warnings():
        # A class with fewer rows than folds is among the data set's findings, and is said there.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return tuple(_fold(*parts) for parts in splitter.split(np.zeros(count), labels))


def _fold(training: np.ndarray, validation: np.ndarray) -> Fold:
    return Fold(
        torch.from_numpy(np.sort(training)).long(), torch.from_numpy(np.sort(validation)).long()
    )
