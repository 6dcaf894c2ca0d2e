"""Predicts the score of an untrained configuration from the trials of a search.

It fits a random forest over the hyperparameters (Breiman 2001), as SMAC does (Hutter, Hoos &
Leyton-Brown 2011, "Sequential Model-Based Optimization for General Algorithm Configuration",
section 4.1). It only decides what to measure first. Nothing that is reported comes from it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor
from sklearn.isotonic import IsotonicRegression

from tuner.seeds import Stream, derive
from tuner.study.schema import HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from optuna.trial import FrozenTrial

FEWEST_TRIALS = 8  # as for importance
TREES = 100
MISSING = -1e30  # lower than every value: a tree computes in single precision


def expectation(
    trials: Sequence[FrozenTrial], sign: int, seed: int
) -> Callable[[Mapping[str, Any]], float] | None:
    """Return a function that predicts the rank of hyperparameters among trials; high is good.

    Args:
        trials: complete and pruned ones. A pruned one gets the rank of the complete trials with its
            score at the stage where it ended.
        sign: 1 if a higher score is better, -1 if a lower one is.
        seed: of the study.

    Returns:
        None if fewer than eight trials have different scores.
    """
    known = [trial for trial in trials if HYPERPARAMETERS in trial.user_attrs]
    complete = [one for one in known if one.state == TrialState.COMPLETE and one.values]
    if len(complete) < 2:
        return None
    ends = [_end(trial, complete, sign) for trial in known]
    if len(known) < FEWEST_TRIALS or len(set(ends)) < 2:
        return None
    columns = _Columns([trial.user_attrs[HYPERPARAMETERS] for trial in known])
    forest = RandomForestRegressor(
        TREES, min_samples_leaf=2, random_state=derive(seed, Stream.EXPECTATION)
    )
    forest.fit(np.stack([columns.row(one.user_attrs[HYPERPARAMETERS]) for one in known]), ends)

    def expect(hyperparameters: Mapping[str, Any]) -> float:
        return float(forest.predict(columns.row(hyperparameters)[None])[0])

    return expect


def _end(trial: FrozenTrial, complete: Sequence[FrozenTrial], sign: int) -> float:
    """Return the rank, from 0 to 1, that a trial would have had among the complete ones."""
    finals = np.array([sign * float(one.values[0]) for one in complete])
    ranks = (rankdata(finals) - 1) / (len(finals) - 1)
    if trial.state == TrialState.COMPLETE:
        return float(ranks[[one.number for one in complete].index(trial.number)])
    stage = max(trial.intermediate_values, default=None)
    there = [
        (sign * one.intermediate_values[stage], rank)
        for one, rank in zip(complete, ranks, strict=True)
        if stage is not None and stage in one.intermediate_values
    ]
    if stage is None or len(there) < 2:
        return 0.0
    scores, after = zip(*there, strict=True)
    rank_by_score = IsotonicRegression(out_of_bounds="clip").fit(scores, after)
    (end,) = rank_by_score.predict([sign * trial.intermediate_values[stage]])
    return float(end)


class _Columns:
    """Hyperparameters as numbers that a tree can split.

    A text becomes its rank among all texts of that name. A missing value is lower than all others.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.names = sorted(set().union(*rows))
        seen = {name: {repr(row[name]) for row in rows if name in row} for name in self.names}
        self.texts = {name: sorted(seen[name]) for name in self.names}

    def row(self, values: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return hyperparameters as a row, shape (columns,)."""
        return np.array([self._number(name, values) for name in self.names])

    def _number(self, name: str, values: Mapping[str, Any]) -> float:
        value = values.get(name, math.nan)
        if isinstance(value, bool | int | float):
            return float(value) if math.isfinite(value) else MISSING
        text = repr(value)
        return float(self.texts[name].index(text)) if text in self.texts[name] else -1.0
