"""Splits the development data into one held-out part, or k folds, stratified over classes.

If rows belong together (all rows of one patient), `GroupFolds` keeps them on one side. If rows
follow each other in time, `TimeFolds` trains on earlier ones and validates on later ones.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from sklearn.model_selection import (
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)
from sklearn.model_selection import KFold as SklearnKFold

from tuner.errors import DataError
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.data.examples import Examples


def _whole(scheme: str, number: object, fewest: int) -> int:
    """Return an integer of any library as Python's int.

    Raises:
        DataError: it is not an integer, or too small.
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
    """Holds out `rows` rows for validation, once.

    >>> Holdout(5000).rows
    5000
    """

    rows: int

    def __post_init__(self) -> None:
        """Refuse an invalid number of rows."""
        object.__setattr__(self, "rows", _whole("Holdout", self.rows, 1))


@dataclass(frozen=True, slots=True)
class KFold:
    """Splits into `k` folds; each is the validation part once.

    >>> KFold(5).k
    5
    """

    k: int

    def __post_init__(self) -> None:
        """Refuse an invalid number of folds."""
        object.__setattr__(self, "k", _whole("KFold", self.k, 2))


@dataclass(frozen=True, slots=True)
class GroupFolds:
    """Splits into `k` folds, with all rows of a group in the same one (`Examples.groups`).

    >>> GroupFolds(5).k
    5
    """

    k: int

    def __post_init__(self) -> None:
        """Refuse an invalid number of folds."""
        object.__setattr__(self, "k", _whole("GroupFolds", self.k, 2))


@dataclass(frozen=True, slots=True)
class TimeFolds:
    """Cuts rows in the order of time into `k` parts, and one before them.

    >>> TimeFolds(4).k
    4

    Fold n trains on all rows before part n, and validates on part n. `Examples.groups` are the
    moments: rows of one moment stay together. A different seed moves all cuts to earlier rows, by
    up to half a part. Rows that can be split with one seed can be split with every seed.
    """

    k: int

    def __post_init__(self) -> None:
        """Refuse an invalid number of folds."""
        object.__setattr__(self, "k", _whole("TimeFolds", self.k, 2))


Scheme: TypeAlias = Holdout | KFold | GroupFolds | TimeFolds


def number_of_folds(scheme: Scheme) -> int:
    """Return how many folds a scheme makes."""
    return 1 if isinstance(scheme, Holdout) else scheme.k


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers of one split; `validation` is empty if everything is trained on.

    Attributes:
        training: (R,) int64.
        validation: (V,) int64.
    """

    training: Tensor
    validation: Tensor


def folds(development: Examples, scheme: Scheme, seed: int) -> tuple[Fold, ...]:
    """Split the development rows, stratified over classes if targets are classes.

    The same rows, scheme and seed give the same folds; row numbers within a part are sorted.

    Raises:
        DataError: there are too few rows, in total or of a class, for this split.
    """
    try:
        return _folds(development, scheme, seed)
    except ValueError as error:
        raise DataError(
            f"{len(development)} development rows cannot be split by {scheme}: {error}"
        ) from error


def everything(development: Examples) -> tuple[Fold, ...]:
    """Return one fold that trains on all development rows and validates on none."""
    return (Fold(torch.arange(len(development)), torch.empty(0, dtype=torch.int64)),)


def _folds(development: Examples, scheme: Scheme, seed: int) -> tuple[Fold, ...]:
    count = len(development)
    strata = development.strata()
    labels = None if strata is None else strata.numpy()
    if isinstance(scheme, Holdout) and development.groups is not None:
        classes = np.zeros(count, dtype=np.int64) if labels is None else labels
        held = hold_out_groups(classes, development.groups.numpy(), scheme.rows / count, seed)
        return (_fold(np.flatnonzero(~held), np.flatnonzero(held)),)
    if isinstance(scheme, Holdout):
        training, validation = train_test_split(
            np.arange(count),
            test_size=scheme.rows,
            random_state=seed,
            stratify=labels,
        )
        return (_fold(training, validation),)
    if isinstance(scheme, TimeFolds):
        return _in_time(_groups_of(development, scheme), scheme.k, seed)
    if isinstance(scheme, GroupFolds):
        return _by_group(development, scheme, seed)
    splitter = (
        SklearnKFold(scheme.k, shuffle=True, random_state=seed)
        if labels is None
        else StratifiedKFold(scheme.k, shuffle=True, random_state=seed)
    )
    with warnings.catch_warnings():
        # The data set's findings report a class with fewer rows than folds.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return tuple(_fold(*parts) for parts in splitter.split(np.zeros(count), labels))


def _groups_of(development: Examples, scheme: Scheme) -> np.ndarray:
    if development.groups is None:
        raise ValueError(f"{type(scheme).__name__} needs the group of each row (Examples.groups)")
    return development.groups.numpy()


def _by_group(development: Examples, scheme: GroupFolds, seed: int) -> tuple[Fold, ...]:
    groups, count = _groups_of(development, scheme), len(development)
    different = len(np.unique(groups))
    if different < scheme.k:
        raise ValueError(f"there are {different} groups for {scheme.k} folds")
    strata = development.strata()
    splitter = (
        GroupKFold(scheme.k, shuffle=True, random_state=seed)
        if strata is None
        else StratifiedGroupKFold(scheme.k, shuffle=True, random_state=seed)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        parts = splitter.split(np.zeros(count), None if strata is None else strata.numpy(), groups)
        return tuple(_fold(*part) for part in parts)


def hold_out_groups(
    labels: np.ndarray, groups: np.ndarray, share: float, seed: int, *, keep: int = 1
) -> np.ndarray:
    """Choose rows to hold out: about this share of each class, and whole groups only.

    Groups are taken in a random order, class by class. A group counts for the class that most of
    its rows have.

    Args:
        labels: (N,) classes as int64; all equal for a regression.
        groups: (N,) int64.
        keep: number of groups of a class that stay, at least; all of them if it has no more.

    Returns:
        (N,) bool: held out.
    """
    names, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    main = _most_frequent(places, labels)
    order = np.random.default_rng(seed).permutation(len(names))
    held = np.zeros(len(names), dtype=bool)
    for label in np.unique(labels):
        own = order[main[order] == label]
        able = own[: max(0, len(own) - keep)]
        wanted, taken = share * sizes[own].sum(), 0
        for group in able:
            if taken + sizes[group] / 2 <= wanted:  # taking it gets closer to the wanted number
                held[group], taken = True, taken + sizes[group]
        if len(able) and not taken:
            held[able[sizes[able].argmin()]] = True
    found: np.ndarray = held[places]
    return found


def _most_frequent(places: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the most frequent label of each group; `places` (N,) number the groups."""
    pairs, counts = np.unique(np.stack([places, labels]), axis=1, return_counts=True)
    best_last = np.lexsort((counts, pairs[0]))
    last = np.flatnonzero(np.diff(pairs[0][best_last], append=-1))
    return pairs[1][best_last[last]]  # type: ignore[no-any-return]


def _in_time(moments: np.ndarray, k: int, seed: int) -> tuple[Fold, ...]:
    """Cut rows in the order of their moments, never between two of one moment."""
    count = len(moments)
    part = count // (k + 1)
    if part < 2 or (np.diff(moments) < 0).any():
        raise ValueError(f"{count} rows in the order of time are needed, 2 or more a fold")
    random = np.random.default_rng(derive(seed, Stream.CUTS_IN_TIME))
    most = part // 2
    drawn = int(random.integers(0, most + 1))
    # If drawn cuts coincide in one moment, the nearest distinct ones are used. So rows that can be
    # split with one seed can be split with all: a study draws further seeds at its end.
    for shift in sorted(range(most + 1), key=lambda one: abs(one - drawn)):
        ends = _cuts(moments, k, part, count - shift)
        if ends[0] > 0 and (np.diff(ends) > 0).all():
            rows = np.arange(count)
            return tuple(_fold(rows[:start], rows[start:end]) for start, end in pairwise(ends))
    raise ValueError("too many rows are of one moment")


def _cuts(moments: np.ndarray, k: int, part: int, last: int) -> np.ndarray:
    """Return where each of k parts before row `last` begins, at a new moment; and `last`."""
    starts = moments[[last - part * (k - n) for n in range(k)]]
    return np.append(np.searchsorted(moments, starts), last)


def _fold(training: np.ndarray, validation: np.ndarray) -> Fold:
    return Fold(
        torch.from_numpy(np.sort(training)).long(), torch.from_numpy(np.sort(validation)).long()
    )
