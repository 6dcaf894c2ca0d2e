"""Finds oddities of a data set that are not errors, before anything trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from tuner.data.remarks import Findings, Target
from tuner.data.splits import KFold, TimeFolds, number_of_folds
from tuner.data.tensors import row_digests
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.data.examples import Examples
    from tuner.data.splits import Scheme

FEWEST = 20  # rows; with fewer, a column may number the rows or match the target by chance
SAMPLE = 2000  # rows used to compare columns with the target
# Almost all of the target's variance, or of the column's variance between classes.
GIVES_NUMBER, GIVES_CLASS = 0.998, 0.98
ITS_OWN_MOMENT = 0.9  # moments per row; above it, rows of one moment are few and coincidental
EXPECTED_PAIRS = 5  # of equal values; then the chance that there is none is below 1 %


def find(
    development: Examples,
    test: Examples,
    validation: Scheme,
    classes: tuple[str, ...],
    columns: tuple[str, ...],
) -> Findings:
    """Look for oddities in a data set that has been checked. Only counts of the test are stored.

    Args:
        columns: names of the features (N, F) to examine; empty to examine none.
    """
    by_chance = development.features.dim() == 2
    own, others = (_digests(part, targets=by_chance) for part in (development, test))
    known = set(others)
    constant, suspects, numbering = _columns(development, classes, columns)
    return Findings(
        rows=len(development),
        in_test=sum(digest in known for digest in own),
        repeated=_parted(own, None if isinstance(validation, KFold) else development.groups),
        repeated_in_test=_parted(others, test.groups),
        development=_counts(development, classes),
        test=_counts(test, classes),
        folds=number_of_folds(validation),
        constant=constant,
        suspects=suspects,
        numbering=numbering,
        target=None if classes else _target(development),
        several=development.targets.dim() == 2 and bool(classes),
        by_chance=by_chance,
        moments=_moments(development, test, validation),
    )


def _moments(development: Examples, test: Examples, validation: Scheme) -> int | None:
    """Count the moments of the rows if rows share them; None if there are no times, or groups."""
    groups = development.groups
    if not isinstance(validation, TimeFolds) or groups is None or test.groups is not None:
        return None
    count = len(groups.unique())
    return count if count < ITS_OWN_MOMENT * len(groups) else None


def _digests(rows: Examples, *, targets: bool) -> list[tuple[bytes, ...]]:
    """Return digests, equal for rows with equal features and, if asked, equal targets."""
    parts = [rows.features, *([rows.targets.reshape(len(rows), -1)] if targets else [])]
    return list(zip(*map(row_digests, parts), strict=True))


def _parted(digests: list[tuple[bytes, ...]], groups: Tensor | None) -> int:
    """Count rows that equal an earlier one, except those in its group, which stay together."""
    of_groups = range(len(digests)) if groups is None else groups.tolist()
    return len(set(zip(digests, of_groups, strict=True))) - len(set(digests))


def _counts(rows: Examples, classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, rows.counts(len(classes)), strict=True))


def _target(rows: Examples) -> Target:
    targets = rows.targets.double().numpy()
    return Target(
        mean=float(targets.mean()),
        std=float(targets.std()),
        trivial_mae=float(np.abs(targets - np.median(targets)).mean()),
    )


def _columns(
    rows: Examples, classes: tuple[str, ...], columns: tuple[str, ...]
) -> tuple[list[str], dict[str, float], list[str]]:
    """Return constant columns, suspects with their correlations, and columns that number rows."""
    constant: list[str] = []
    suspects: dict[str, float] = {}
    numbering: list[str] = []
    if not columns:
        return constant, suspects, numbering
    random = np.random.default_rng(derive(0, Stream.ROWS_LOOKED_AT))
    some = np.sort(random.permutation(len(rows))[:SAMPLE])
    targets = _one_a_row(rows.targets, classes).double().numpy()[some]
    ranks = rankdata(targets)
    features = rows.features.numpy()
    same = features.min(axis=0) == features.max(axis=0)
    samples = features[some].T.astype(np.float64)  # one row per column
    enough = len(rows) >= max(FEWEST, 5 * len(classes))
    for place, name in enumerate(columns):
        if same[place]:
            constant.append(name)
        elif enough:
            sample = samples[place]
            given = (
                _gives_class(sample, targets) if classes else gives_number(sample, targets, ranks)
            )
            if given >= (GIVES_CLASS if classes else GIVES_NUMBER):
                suspects[name] = given
            elif _differ(sample) and numbers_rows(features[:, place].astype(np.float64)):
                numbering.append(name)
    return constant, suspects, numbering


def _one_a_row(targets: Tensor, classes: tuple[str, ...]) -> Tensor:
    """Return targets (N,); each set of labels becomes a number."""
    if classes and targets.dim() == 2:
        _, targets = targets.unique(dim=0, return_inverse=True)
    return targets.flatten()


def _differ(values: np.ndarray) -> bool:
    """Whether these are integers without repetition."""
    return bool((values == values.round()).all()) and len(np.unique(values)) == len(values)


def numbers_rows(values: np.ndarray) -> bool:
    """Whether these are integers that never repeat, although random ones would."""
    if not _differ(values):
        return False
    # Expected pairs of equal numbers if they were drawn from their range.
    expected = len(values) ** 2 / 2 / (values.max() - values.min() + 1)
    return bool(expected >= EXPECTED_PAIRS or (np.diff(values) > 0).all())


def gives_number(values: np.ndarray, targets: np.ndarray, ranks: np.ndarray) -> float:
    """Return the squared correlation with the target, of values or of ranks, if larger."""
    pairs = ((values, targets), (rankdata(values), ranks))
    return max(_squared_correlation(*pair) for pair in pairs)


def _squared_correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    spread = (first @ first) * (second @ second)
    return float((first @ second) ** 2 / spread) if spread > 0 else 0.0


def _gives_class(values: np.ndarray, targets: np.ndarray) -> float:
    """Return the correlation ratio: the share of the column's variance between classes."""
    numbers = targets.astype(np.int64)
    centred = values - values.mean()
    counts = np.bincount(numbers)
    sums = np.bincount(numbers, weights=centred)
    between = (sums[counts > 0] ** 2 / counts[counts > 0]).sum()
    whole = centred @ centred
    return float(between / whole) if whole > 0 else 0.0
