"""Chooses the test rows of a table: 20 %, by a fixed rule, and the same rows each time."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from tuner.errors import DataError
from tuner.language import said
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Draw = tuple[NDArray[np.int64], NDArray[np.int64]]  # development and test rows

SHARE = 0.2
FEWEST_GROUPS = 7  # at least one for the test, and one for each of five folds
ABOUT = (SHARE / 2, 1.5 * SHARE)  # of the rows, if groups have different sizes
DRAWS = 100  # random choices of groups to try
SEED = derive(0, Stream.TABLE_TEST) % 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The numbers of rows for development and for the test.

    Attributes:
        development: in the order of the file, or of time.
        test: the rows that are held back.
        groups: the group, or moment, of each development row; None if all rows may be separated.
        test_groups: of the test rows, if rows of a group stay together.
        how: they were chosen, in words.
    """

    development: NDArray[np.int64]
    test: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    how: str
    test_groups: NDArray[np.int64] | None = None


def split_rows(
    count: int,
    labels: NDArray[np.float64] | None,
    *,
    groups: NDArray[np.int64] | None,
    moments: NDArray[np.float64] | None,
) -> Rows:
    """Split the rows into development and test; the test gets a fifth.

    Args:
        labels: class of each row (N,); None for numbers.
        groups: group of each row, if rows of a group stay together.
        moments: of each row, if the latest rows are the test.

    Raises:
        DataError: there are too few rows, groups or moments.
    """
    if moments is not None:
        return _latest(moments)
    if groups is not None:
        return _by_group(labels, groups)
    held = math.ceil(SHARE * count)
    if labels is not None and (classes := len(np.unique(labels))) > held:
        raise DataError(
            f"there are {classes} classes, and a fifth of {count} rows is {held}, so not every "
            "class can be tested; add rows, or leave rare classes out"
        )
    development, test = train_test_split(
        np.arange(count), test_size=SHARE, random_state=SEED, stratify=labels
    )
    return Rows(
        development=np.sort(development),
        test=np.sort(test),
        groups=None,
        how=said("{count} drawn at random", count=len(test))
        if labels is None
        else said("{count} drawn at random, of each class its share", count=len(test)),
    )


def check_classes(rows: Rows, labels: NDArray[np.float64], classes: Sequence[str]) -> None:
    """Check that each class has training rows, which a split by moments or groups may prevent.

    Args:
        labels: class of each row (N,), its index among the names of the classes.

    Raises:
        DataError: a class has none.
    """
    unknown = np.setdiff1d(labels, labels[rows.development]).astype(np.int64)
    if len(unknown):
        named = ", ".join(repr(classes[place]) for place in unknown[:5])
        raise DataError(
            f"all rows of class {named} are test rows ({rows.how}), so there are none to learn it "
            "from; leave these rows out, or split in another way"
        )


def _latest(moments: NDArray[np.float64]) -> Rows:
    order = np.argsort(moments, kind="stable")
    cut = int(np.searchsorted(moments[order], moments[order[round((1 - SHARE) * len(order))]]))
    if cut == 0:
        raise DataError("most rows have the same time; --time needs several moments")
    development, test = order[:cut], order[cut:]
    _, ranks = np.unique(moments[development], return_inverse=True)
    return Rows(
        development=development,
        test=test,
        groups=ranks.astype(np.int64),
        how=said("the {count} latest", count=len(test)),
    )


def _by_group(labels: NDArray[np.float64] | None, groups: NDArray[np.int64]) -> Rows:
    different = len(np.unique(groups))
    if different < FEWEST_GROUPS:
        raise DataError(
            f"--group has {different} different values; it needs {FEWEST_GROUPS} or more to train, "
            "validate and test on"
        )
    # If one group is much larger than others, a fifth of the groups is another share of the rows.
    sound = (draw for draw in _draws(labels, groups) if _unfit(labels, draw) == (0, 0.0))
    development, test = next(sound, None) or min(
        _draws(labels, groups), key=lambda draw: _unfit(labels, draw)
    )
    own = len(np.unique(groups[test]))
    how = said(
        "{count}, all rows of {own} of {different} groups drawn at random",
        count=len(test),
        own=own,
        different=different,
    )
    if not ABOUT[0] <= len(test) / len(groups) <= ABOUT[1]:
        how = said("{how}; no draw of groups comes closer to a fifth of the rows", how=how)
    return Rows(
        development=development,
        test=test,
        groups=groups[development],
        test_groups=groups[test],
        how=how,
    )


def _draws(labels: NDArray[np.float64] | None, groups: NDArray[np.int64]) -> Iterator[Draw]:
    """Yield development and test rows, drawn by group."""
    nothing = np.zeros(len(groups))
    if labels is None:
        splitter = GroupShuffleSplit(n_splits=DRAWS, test_size=SHARE, random_state=SEED)
        yield from splitter.split(nothing, groups=groups)
        return
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes with fewer rows than folds
        yield from folds.split(nothing, labels, groups)


def _unfit(labels: NDArray[np.float64] | None, draw: Draw) -> tuple[int, float]:
    """Return how unsuitable a draw is, lower is better; zeros mean that it is suitable.

    First the number of classes without training rows, then the distance of the test from a fifth of
    the rows, unless it is close enough.
    """
    development, test = draw
    share = len(test) / (len(development) + len(test))
    unknown = 0 if labels is None else len(np.setdiff1d(labels[test], labels[development]))
    return unknown, 0.0 if ABOUT[0] <= share <= ABOUT[1] else abs(share - SHARE)
