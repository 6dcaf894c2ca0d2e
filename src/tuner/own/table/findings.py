"""Finds oddities in a table's columns: a leaked target, a group or a clock that is not named."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from scipy.stats import rankdata
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import TargetEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tuner.data.findings import GIVES_NUMBER, gives_number
from tuner.data.sources.dates import as_part
from tuner.language import said
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tuner.data.examples import Examples
    from tuner.data.table import Column, Table
    from tuner.own.table.given import Given

SAMPLE = 2000  # rows used to compare columns with the target
FEWEST = 60
MOST_COLUMNS = 200  # that are checked
ALMOST_ALL = 0.98  # of the target's variance, or of the errors of guessing its classes
LEAVES = 128
FOLDS = 3
LARGEST = float(np.finfo(np.float32).max)  # that a tree of scikit-learn accepts
BELONGING = re.compile(
    r"(?:^|[_\W])(?:id|patient|subject|person|user|customer|client|group|family|household|"
    r"session|site|hospital|school|device|machine|batch|account)(?:$|[_\W]|_?id)",
    re.IGNORECASE,
)
MOMENT = re.compile(r"(?:^|[_\W])(?:date|time|timestamp|datetime|year)(?:$|[_\W])", re.IGNORECASE)


def look_through(
    given: Given, table: Table, cells_of: Callable[[str], Any], development: Examples
) -> tuple[dict[str, float], list[str]]:
    """Return the columns that almost determine the target, with how much; and further remarks.

    Args:
        cells_of: returns the text of a column for all rows.
        development: the training rows.
    """
    told = [*_groups(given, table, cells_of), *_clocks(given, table, cells_of)]
    return _suspects(table, development), told


def _suspects(table: Table, rows: Examples) -> dict[str, float]:
    if len(rows) < FEWEST:
        return {}
    random = np.random.default_rng(derive(0, Stream.ROWS_LOOKED_AT))
    some = np.sort(random.permutation(len(rows))[:SAMPLE])
    features = rows.features.numpy()[some]
    targets = rows.targets.numpy().ravel()[some]
    classes = not rows.targets.is_floating_point()
    count, found = len(table.gaps), {}
    for place, name in enumerate(table.features[:MOST_COLUMNS]):
        values = features[:, place]
        known = np.nan_to_num(values, nan=np.nanmin(values) - 1 if (values == values).any() else 0)
        if np.abs(known).max() > LARGEST:
            known = rankdata(known)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes with fewer rows than folds
            given = _given(known[:, None], targets, classes=classes, codes=place >= count)
        if given >= ALMOST_ALL:
            found[name] = given
    return found


def _given(
    values: NDArray[np.float64], targets: NDArray[Any], *, classes: bool, codes: bool
) -> float:
    """Return how much of the target one column determines.

    For a number that rises or falls with another, this is their squared correlation. Otherwise, a
    tree predicts unseen rows; for a number, this is the share of its variance that is explained.
    For classes, it is the share of errors that are avoided, compared with always guessing the most
    frequent class.
    """
    if codes:
        kind = "multiclass" if len(np.unique(targets)) > 2 else "binary"
        encoder = TargetEncoder(
            target_type=kind if classes else "continuous", cv=FOLDS, random_state=0
        )
        values = encoder.fit_transform(values, targets)
    if not classes and not codes:
        alike = gives_number(values.ravel(), targets, rankdata(targets))
        if alike >= GIVES_NUMBER:
            return alike
    if not classes:
        tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=2, random_state=0)
        told = cross_val_predict(tree, values, targets, cv=FOLDS)
        spread = float(((targets - targets.mean()) ** 2).sum())
        return 1 - float(((targets - told) ** 2).sum()) / spread if spread else 0.0
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=2, random_state=0)
    told = cross_val_predict(tree, values, targets, cv=FOLDS)
    wrong = float((told != targets).mean())
    guessed = 1 - float(np.unique(targets, return_counts=True)[1].max()) / len(targets)
    return 1 - wrong / guessed if guessed else 0.0


def _groups(given: Given, table: Table, cells_of: Callable[[str], Any]) -> list[str]:
    """Return remarks on columns that look like groups, if none is named and rows have no times."""
    if given.group or given.time:
        return []
    found: list[str] = []
    for column in table.columns:
        if not BELONGING.search(column.name) or column.kind == "date":
            continue
        cells = cells_of(column.name)
        values = len(pc.unique(cells))
        if 7 <= values <= len(cells) / 2:
            found.append(
                said(
                    "Column {name!r} looks like a group: {values} values in {rows} rows. If rows "
                    "of one value belong together, and new rows will have other values, name it "
                    "with --group {column}; otherwise scores may be too optimistic.",
                    name=column.name,
                    column=column.name,
                    values=values,
                    rows=len(cells),
                )
            )
    return found


def _clocks(given: Given, table: Table, cells_of: Callable[[str], Any]) -> list[str]:
    """Return remarks on columns that look like a clock, if none is named."""
    if given.time or given.group:
        return []
    found: list[str] = []
    for column in table.columns:
        if column.kind == "date" or (MOMENT.search(column.name) and _counts(column)):
            ordered = column.kind == "date" and _is_ordered(column, cells_of(column.name))
            found.append(
                said(
                    "Column {name!r} looks like a clock, and the rows are in its order. If the "
                    "model will be used on later rows, name it with --time {column}: models are "
                    "then tested on the latest rows.",
                    name=column.name,
                    column=column.name,
                )
                if ordered
                else said(
                    "Column {name!r} looks like a clock. If the model will be used on later rows, "
                    "name it with --time {column}: models are then tested on the latest rows.",
                    name=column.name,
                    column=column.name,
                )
            )
    return found


def _counts(column: Column) -> bool:
    return column.kind == "number" or column.numbers_rows


def _is_ordered(column: Column, cells: Any) -> bool:
    days = as_part(column, cells, "days")
    known = days[~np.isnan(days)]
    return len(known) > 1 and bool((np.diff(known) >= 0).all())
