"""Which rows of a table are held back for the test: 20 %, by rule, and the same ones each time."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from tuner.errors import DataError
from tuner.language import said
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARE = 0.2
FEWEST_GROUPS = 7  # one at least to test, and one for each of five folds
SEED = derive(0, Stream.TABLE_TEST) % 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Numbers of rows.

    Attributes:
        development: in the order of the file; or of time.
        test: the rows that are held back.
        groups: of the development rows: of each its group, or its moment; None: all may be parted.
        test_groups: of the test rows, where rows of a group stay together.
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
    """Hold back a fifth of the rows.

    Args:
        labels: class of each row (N,); None for numbers.
        groups: group of each row, where rows of a group stay together.
        moments: of each row, where the latest are the test.

    Raises:
        DataError: there are too few rows, groups or moments to do so.
    """
    if moments is not None:
        return _latest(moments)
    if groups is not None:
        return _by_group(labels, groups)
    try:
        development, test = train_test_split(
            np.arange(count), test_size=SHARE, random_state=SEED, stratify=labels
        )
    except ValueError as error:
        raise DataError(f"the rows are too few for their classes to test on: {error}") from error
    return Rows(
        development=np.sort(development),
        test=np.sort(test),
        groups=None,
        how=said("{count} drawn at random", count=len(test))
        if labels is None
        else said("{count} drawn at random, as many of each class", count=len(test)),
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
    nothing = np.zeros(len(groups))
    if labels is None:
        splitter = GroupShuffleSplit(n_splits=1, test_size=SHARE, random_state=SEED)
        development, test = next(splitter.split(nothing, groups=groups))
    else:
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=SEED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes with fewer rows than folds
            development, test = next(folds.split(nothing, labels, groups))
    own = len(np.unique(groups[test]))
    return Rows(
        development=development,
        test=test,
        groups=groups[development],
        test_groups=groups[test],
        how=said(
            "{count}, all rows of {own} of {different} groups drawn at random",
            count=len(test),
            own=own,
            different=different,
        ),
    )
