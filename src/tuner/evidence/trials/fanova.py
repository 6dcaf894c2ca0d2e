"""fANOVA: the share of a random forest's predictions that each hyperparameter explains alone.

Hutter, Hoos and Leyton-Brown 2014, "An Efficient Approach for Assessing Hyperparameter Importance",
section 3 (http://proceedings.mlr.press/v32/hutter14.pdf). The forests and the shares are those of
Optuna's `FanovaImportanceEvaluator`, which visits each node of each tree for each value, and takes
3.6 times as long for a study of 50 trials and 17 hyperparameters, including its forests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from tuner.case.assignments import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sklearn.tree import DecisionTreeRegressor

Array = NDArray[np.float64]
MAX_DEPTH = 64  # as in Optuna


def fanova(
    columns: Mapping[str, Sequence[Any]], targets: Sequence[float], trees: int, seed: int
) -> dict[str, float]:
    """Return the share of the variance of the predictions that each column explains by itself.

    Args:
        columns: the values of each hyperparameter, one per target. Finite numbers are used as
            numbers, everything else as categories.
        targets: values to predict.
        trees: number of trees in the forest.
    """
    encoded = {name: _encoded(columns[name]) for name in sorted(columns)}
    varied = {name: one for name, one in encoded.items() if one.shape[1]}
    if not varied:
        return dict.fromkeys(columns, 0.0)
    inputs = np.concatenate(list(varied.values()), axis=1)
    forest = RandomForestRegressor(n_estimators=trees, max_depth=MAX_DEPTH, random_state=seed)
    forest.fit(inputs, targets)
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    found = [_Leaves.of(one, low, high) for one in forest.estimators_]
    telling = [leaves for leaves in found if leaves.variance > 0]
    shares, first = dict.fromkeys(columns, 0.0), 0
    for name, one in varied.items():
        features = range(first, first := first + one.shape[1])
        if telling:
            explained = [leaves.explained_by(features) / leaves.variance for leaves in telling]
            shares[name] = float(np.mean(explained))
    return shares


def _encoded(values: Sequence[Any]) -> Array:
    """Return a column as (rows, 1) numbers or (rows, categories) of 0 and 1; (rows, 0) if constant.

    A bool is a category.
    """
    if all(map(_is_finite, values)):
        numbers = np.array(values, dtype=np.float64)[:, None]
        return numbers if numbers.min() < numbers.max() else numbers[:, :0]
    kept = np.array([repr(float(one) if _is_finite(one) else one) for one in values])
    categories = np.unique(kept)
    encoded: Array = (kept[:, None] == categories).astype(np.float64)
    return encoded if len(categories) > 1 else encoded[:, :0]


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(value)


@dataclass(frozen=True)
class _Leaves:
    """The leaves of a tree; each is a box in the space of the inputs.

    Attributes:
        low: lower bounds of the boxes, (leaves, features); at the edge, those of the space.
        high: upper bounds.
        span: of the space, (features,).
        values: predictions of the leaves.
        asked: features that the tree uses at all.
    """

    low: Array
    high: Array
    span: Array
    values: Array
    asked: frozenset[int]

    @classmethod
    def of(cls, fitted: DecisionTreeRegressor, low: Array, high: Array) -> Self:
        """Cut the space between `low` and `high` as the tree does."""
        tree = fitted.tree_
        lows, highs = (np.tile(edge, (tree.node_count, 1)) for edge in (low, high))
        cuts = zip(
            tree.feature.tolist(),
            tree.threshold.tolist(),
            tree.children_left.tolist(),
            tree.children_right.tolist(),
            strict=True,
        )
        for node, (feature, threshold, left, right) in enumerate(cuts):  # parents come first
            if feature < 0:
                continue
            for child in (left, right):
                lows[child], highs[child] = lows[node], highs[node]
            highs[left, feature] = lows[right, feature] = threshold
        ends = tree.feature < 0
        asked = frozenset(tree.feature[~ends].tolist())
        return cls(lows[ends], highs[ends], high - low, tree.value[ends, 0, 0], asked)

    @cached_property
    def widths(self) -> Array:
        """Share of each feature's span that each box takes, (leaves, features)."""
        return (self.high - self.low) / self.span

    @cached_property
    def mean(self) -> float:
        """Mean of the tree's predictions over the whole space."""
        return float(self.values @ self.widths.prod(axis=1))

    @cached_property
    def variance(self) -> float:
        """Variance of the tree's predictions over the whole space."""
        return float((self.values - self.mean) ** 2 @ self.widths.prod(axis=1))

    def explained_by(self, features: Sequence[int]) -> float:
        """Return the variance of the mean prediction given only these features."""
        known = [feature for feature in features if feature in self.asked]
        if not known:
            return 0.0
        inside, sizes = np.ones((len(self.values), 1)), np.ones(1)
        for feature in known:
            begin, end = self.low[:, feature, None], self.high[:, feature, None]
            edges = np.unique(np.concatenate((begin, end)))
            cells = (begin <= edges[:-1]) & (edges[1:] <= end)
            inside = (inside[:, :, None] * cells[:, None, :]).reshape(len(inside), -1)
            sizes = np.outer(sizes, np.diff(edges) / self.span[feature]).ravel()
        others = np.delete(self.widths, known, axis=1).prod(axis=1)
        means = (self.values * others) @ inside
        return float((means - self.mean) ** 2 @ sizes)
