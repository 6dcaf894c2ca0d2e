"""Learns which hyperparameters a configuration has, from the configurations of earlier trials.

A space is a function and does not list its conditions. But whether a hyperparameter is drawn
depends on other hyperparameters, mostly on a single choice, and a decision tree finds that in a few
trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from sklearn.tree import DecisionTreeClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

ABSENT = -1.0  # for a tree: a number that no hyperparameter takes


class Conditions:
    """One tree for each hyperparameter that only some configurations have.

    Args:
        rows: configurations of earlier trials, shape (n, columns); nan if one has no such
            hyperparameter.
    """

    def __init__(self, rows: Numbers) -> None:
        present = ~np.isnan(rows)
        shares = present.mean(axis=0)
        known = [int(column) for column in np.flatnonzero(shares == 1)]
        self._rules = []
        for column in np.argsort(-shares, kind="stable"):  # first those that others depend on
            if shares[column] < 1:
                of = list(known)
                tree = DecisionTreeClassifier(random_state=0)
                if of and shares[column] > 0:
                    tree.fit(_seen(rows[:, of]), present[:, column], check_input=False)
                    self._rules.append((int(column), of, tree.tree_))
                known.append(int(column))

    def apply(self, rows: Numbers) -> Numbers:
        """Return the rows with nan for each hyperparameter that the configuration does not have.

        Args:
            rows: shape (n, columns), with numbers for all hyperparameters.
        """
        rows = rows.copy()
        for column, of, tree in self._rules:
            absent, present = tree.predict(_seen(rows[:, of])).reshape(len(rows), 2).T
            rows[absent > present, column] = np.nan
        return rows


def _seen(rows: Numbers) -> NDArray[np.float32]:
    return np.nan_to_num(rows, nan=ABSENT).astype(np.float32)
