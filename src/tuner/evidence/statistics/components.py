"""The components of a gain's variance: rows, seeds, and their interaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.float64]"
Pair: TypeAlias = tuple[float, float]  # of the baseline and of the other arm
Counts: TypeAlias = tuple[int, int]  # seeds of the baseline and of the other arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The components of a gain's variance, in squared units of the loss.

    Attributes:
        rows: variance over rows of the difference of the arms, with endless seeds.
        seeds: variance of a model's mean loss on endless rows, for each arm.
        interaction: remaining variance of one model on one row, for each arm.
        unseen: squared difference on the one row that is counted in addition.
        evenness: of the sizes of groups, where rows are groups (`grouped.evenness`); or of rows
            in the order of time (`in_time.evenness_in_time`).
    """

    rows: float
    seeds: Pair
    interaction: Pair
    unseen: float
    evenness: float = 1.0

    def of_rows(self, rows: int, seeds: Counts) -> float:
        """Return the variance of the gain with its seeds fixed."""
        rest = sum(one / n for one, n in zip(self.interaction, seeds, strict=True))
        return (self.rows + rest) / rows + self.unseen / rows**2

    def variance(self, rows: int, seeds: Counts) -> float:
        """Return the variance of a gain on this many rows and seeds."""
        return self.of_rows(rows, seeds) + sum(
            one / n for one, n in zip(self.seeds, seeds, strict=True)
        )

    def degrees(self, rows: int, seeds: Counts) -> float:
        """Return the expected degrees of freedom, for at least two models per arm and two rows."""
        means = [
            one / n + rest / (n * rows)
            for one, rest, n in zip(self.seeds, self.interaction, seeds, strict=True)
        ]
        parts = self.of_rows(rows, seeds), *means
        freedom = row_degrees(rows, self.evenness), *(count - 1 for count in seeds)
        return satterthwaite(self.variance(rows, seeds), parts, freedom)


def row_degrees(rows: int, evenness: float) -> float:
    """Return the degrees of freedom of the rows' component (or the groups'), at least one."""
    return max(1.0, evenness * (rows - 1))


def satterthwaite(variance: float, parts: tuple[float, ...], freedom: tuple[float, ...]) -> float:
    """Return the degrees of freedom of a sum of mean squares, at least one (Satterthwaite 1946).

    Args:
        variance: the sum.
        parts: the mean squares in the sum.
        freedom: degrees of freedom of each part.
    """
    spread = sum(part**2 / degrees for part, degrees in zip(parts, freedom, strict=True))
    return max(1.0, variance**2 / spread) if spread > 0 else 1.0
