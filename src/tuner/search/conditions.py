"""Which hyperparameters a configuration has, learnt from those that there were.

A space is a program, and says nothing of its conditions. But whether a hyperparameter is drawn is
decided by others, mostly by one choice, which a tree finds in a few trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from sklearn.tree import DecisionTreeClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

ABSENT = -1.0  # to a tree: a number that no hyperparameter has


class Conditions:
    """One tree for each hyperparameter that only some configurations have.

    Args:
        rows: of configurations that there were, shape (n, columns), nan where one has none.
    """

    def __init__(self, rows: Numbers) -> None:
        present = ~np.isnan(rows)
        shares = present.mean(axis=0)
        known = [int(column) for column in np.flatnonzero(shares == 1)]
        self._rules = []
        for column in np.argsort(-shares, kind="stable"):  # what others hang on comes first
            if shares[column] < 1:
                of = list(known)
                tree = DecisionTreeClassifier(random_state=0)
                if of and shares[column] > 0:
                    tree.fit(_seen(rows[:, of]), present[:, column], check_input=False)
                    self._rules.append((int(column), of, tree.tree_))
                known.append(int(column))

    def apply(self, rows: Numbers) -> Numbers:
        """Return rows in which each hyperparameter is nan that the configuration does not have.

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
