"""Searches the space for the configuration with the highest expected improvement."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import log_ndtr

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tuner.search.conditions import Conditions
    from tuner.search.encoding import Encoding

    Numbers: TypeAlias = NDArray[np.float64]

DRAWS = 600  # random configurations to begin with
PARENTS = 5  # best trials to begin from
CHILDREN = 40  # configurations near each of these
KEPT = 8  # best configurations kept in each round
MUTANTS = 24  # changed copies of each of these
ROUNDS = 10
SPREAD, SHRINKS = 0.2, 0.65  # size of a change in the first round, its factor later
FAR_BELOW = -5.0  # standard deviations; below this, the improvement is computed from its series


def log_improvement(means: Numbers, deviations: Numbers, best: float) -> Numbers:
    """Return the logarithm of the expected improvement over `best`, for normal values to minimise.

    The logarithm is used because, far from the best, the improvement itself is 0 in floating point
    and all places look alike (Ament et al. 2023, "Unexpected Improvements to Expected Improvement
    for Bayesian Optimization", section 4.1).
    """
    z = (best - means) / deviations
    near, far = np.maximum(z, FAR_BELOW), np.minimum(z, FAR_BELOW)
    log_density = -(near**2) / 2 - np.log(2 * np.pi) / 2
    gain = np.log(np.exp(log_density) + near * np.exp(log_ndtr(near)))
    series = -(far**2) / 2 - np.log(2 * np.pi) / 2 - 2 * np.log(-far) + np.log1p(-3 / far**2)
    found: Numbers = np.where(z > FAR_BELOW, gain, series) + np.log(deviations)
    return found


class Proposals:
    """Searches for a configuration: many random ones, then smaller and smaller changes of the best.

    Args:
        pinned: for each column, the number that every configuration must have; nan if it is free.
    """

    def __init__(
        self, encoding: Encoding, conditions: Conditions, pinned: Numbers, rng: np.random.Generator
    ) -> None:
        self._encoding, self._conditions = encoding, conditions
        self._pinned, self._rng = pinned, rng

    def best(self, score: Callable[[Numbers], Numbers], parents: Numbers) -> Numbers:
        """Return the row with the highest score found, shape (columns,).

        Args:
            score: function from rows, shape (n, columns), to their scores, shape (n,).
            parents: rows of good trials.
        """
        drawn = self._encoding.draw(self._rng, DRAWS)
        rows = self._allowed(
            np.concatenate([drawn, self._mutants(parents[:PARENTS], CHILDREN, SPREAD)])
        )
        scores = score(rows)
        for turn in range(ROUNDS):
            kept = np.argsort(-scores, kind="stable")[:KEPT]
            new = self._allowed(self._mutants(rows[kept], MUTANTS, SPREAD * SHRINKS**turn))
            rows = np.concatenate([rows[kept], new])
            scores = np.concatenate([scores[kept], score(new)])
        best: Numbers = rows[np.argmax(scores)]
        return best

    def _allowed(self, rows: Numbers) -> Numbers:
        fixed = np.where(np.isnan(self._pinned), rows, self._pinned)
        return self._conditions.apply(fixed)

    def _mutants(self, parents: Numbers, count: int, spread: float) -> Numbers:
        """Return `count` rows near each parent: some hyperparameters changed, others kept."""
        rng, old = self._rng, np.repeat(parents, count, axis=0)
        total, columns = old.shape
        fresh = self._encoding.draw(rng, total)
        old = np.where(np.isnan(old), fresh, old)
        rates = rng.choice([1.5 / columns, 0.3, 1.0], size=total)
        changed = rng.random((total, columns)) < rates[:, None]
        changed[np.arange(total), rng.integers(columns, size=total)] = True  # at least one
        sizes = spread * rng.choice([0.1, 0.4, 1.0], size=total)[:, None]
        moved = np.clip(old + sizes * rng.normal(size=old.shape), 0, 1)
        chosen = self._encoding.chosen
        redrawn = rng.random(old.shape) < 0.3  # a choice cannot be changed by a small amount
        new = np.where(chosen, np.where(redrawn, fresh, old), moved)
        steps = np.where(chosen, 0.0, [column.step for column in self._encoding.columns])
        jumps = old + steps * rng.choice([-1, 1], size=old.shape)
        short = (np.abs(new - old) < steps) & (rng.random(old.shape) < 0.5)
        new = np.where(short, np.clip(jumps, 0, 1), new)
        return self._encoding.snapped(np.where(changed, new, old))
