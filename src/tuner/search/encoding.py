"""Configurations as rows of numbers, and as points in a space with distances.

A row has a number for each hyperparameter: from 0 to 1 if it has a range, the index of the choice
if it has choices, and nan if the configuration does not have it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from optuna.distributions import CategoricalDistribution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

    Numbers: TypeAlias = NDArray[np.float64]

MIDDLE = 0.5  # of a range: stands for a hyperparameter that the configuration does not have


@dataclass(frozen=True, slots=True)
class Choices:
    """A hyperparameter with choices; Optuna's internal number of a choice is its index."""

    distribution: CategoricalDistribution
    step: float = 1.0

    def __len__(self) -> int:
        return len(self.distribution.choices)

    def encode(self, internal: Numbers) -> Numbers:
        """Return Optuna's internal numbers as ours."""
        return internal

    def decode(self, units: Numbers) -> Numbers:
        """Return our numbers as Optuna's internal ones."""
        return units

    def features(self, units: Numbers) -> Numbers:
        """Return points at distance 1 from each other if the choices differ, shape (n, choices)."""
        there = units[:, None] == np.arange(len(self))
        return np.where(there, np.sqrt(0.5), 0.0)

    def draw(self, rng: np.random.Generator, count: int) -> Numbers:
        """Draw uniformly."""
        return rng.integers(len(self), size=count).astype(float)


@dataclass(frozen=True)
class Range:
    """A hyperparameter with a range. On a grid, each value covers an equally wide interval."""

    distribution: FloatDistribution | IntDistribution

    def __len__(self) -> int:
        return 1

    def encode(self, internal: Numbers) -> Numbers:
        """Return Optuna's internal numbers as ours, from 0 to 1."""
        low, high = self._ends
        return np.clip((self._bent(internal) - low) / (high - low), 0.0, 1.0)

    def decode(self, units: Numbers) -> Numbers:
        """Return our numbers as Optuna's internal ones, rounded to the grid if there is one."""
        own, (low, high) = self.distribution, self._ends
        values = low + np.clip(units, 0.0, 1.0) * (high - low)
        if own.log:
            values = np.exp(values)
        if own.step is not None:
            values = own.low + own.step * np.round((values - own.low) / own.step)
        return np.clip(values, own.low, own.high)

    def features(self, units: Numbers) -> Numbers:
        """Return points on a line, shape (n, 1)."""
        return np.where(np.isnan(units), MIDDLE, units)[:, None]

    def draw(self, rng: np.random.Generator, count: int) -> Numbers:
        """Draw uniformly."""
        return rng.random(count)

    @cached_property
    def step(self) -> float:
        """The distance between neighbours on the grid; 0 if there is no grid or it is uneven."""
        own = self.distribution
        if own.step is None or own.log:
            return 0.0
        return float(own.step / (own.high - own.low + own.step))

    @cached_property
    def _ends(self) -> tuple[float, float]:
        own = self.distribution
        half = (own.step or 0.0) / 2
        low, high = self._bent(np.array([own.low - half, own.high + half]))
        return float(low), float(high)

    def _bent(self, values: Numbers) -> Numbers:
        return np.log(values) if self.distribution.log else values


class Encoding:
    """The hyperparameters of a space, in the order of their names.

    Attributes:
        names: of the hyperparameters, one per column.
        columns: a `Choices` or `Range` for each.
        owners: for each feature, the index of its column, shape (features,).
        chosen: for each column, whether it has choices.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        self.names = sorted(distributions)
        self.columns = [_column(distributions[name]) for name in self.names]
        self.owners = np.repeat(np.arange(len(self.names)), [len(one) for one in self.columns])
        self.chosen = np.array([isinstance(one, Choices) for one in self.columns])

    def rows(self, internal: Mapping[str, Numbers]) -> Numbers:
        """Return configurations as rows.

        Args:
            internal: Optuna's internal numbers by name, shape (n,) each; nan if a configuration
                lacks it.
        """
        each = zip(self.names, self.columns, strict=True)
        return np.stack([column.encode(internal[name]) for name, column in each], axis=1)

    def pinned(self, values: Mapping[str, Any]) -> Numbers:
        """Return a row with these values, shape (columns,); nan for those that cannot be used."""
        row = np.full(len(self.names), np.nan)
        for at, (name, column) in enumerate(zip(self.names, self.columns, strict=True)):
            if name in values:
                with suppress(ValueError, TypeError):  # not one of the choices, or not a number
                    number = column.distribution.to_internal_repr(values[name])
                    row[at] = column.encode(np.array([float(number)]))[0]
        return row

    def features(self, rows: Numbers) -> Numbers:
        """Return rows, shape (n, columns), as points, shape (n, features)."""
        parts = [column.features(rows[:, at]) for at, column in enumerate(self.columns)]
        return np.concatenate(parts, axis=1)

    def snapped(self, rows: Numbers) -> Numbers:
        """Return rows with each number rounded to the grid of its hyperparameter."""
        parts = [c.encode(c.decode(rows[:, at])) for at, c in enumerate(self.columns)]
        return np.stack(parts, axis=1)

    def draw(self, rng: np.random.Generator, count: int) -> Numbers:
        """Draw rows uniformly, each with all hyperparameters."""
        return self.snapped(np.stack([one.draw(rng, count) for one in self.columns], axis=1))

    def values(self, row: Numbers) -> dict[str, Any]:
        """Return the hyperparameters of a configuration, shape (columns,), by name."""
        each = zip(self.names, self.columns, row, strict=True)
        return {
            name: column.distribution.to_external_repr(float(column.decode(np.array([unit]))[0]))
            for name, column, unit in each
            if not np.isnan(unit)
        }


def _column(distribution: BaseDistribution) -> Choices | Range:
    if isinstance(distribution, CategoricalDistribution):
        return Choices(distribution)
    return Range(distribution)  # type: ignore[arg-type]  # Optuna has no other kinds
