"""Worlds with a known truth: models and test rows are drawn anew, as by a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.stats import norm

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from tuner.evidence.statistics.components import Array
    from tuner.evidence.statistics.grouped import Groups


class World(Protocol):
    """A source of losses. An arm is its `level`; its mean loss grows with it."""

    @property
    def level(self) -> float:
        """Level of an ordinary arm."""

    def mean(self, level: float) -> float:
        """Return the mean loss of an arm over all possible seeds and rows."""

    def models(self, draw: Generator, count: int) -> Array:
        """Draw the effects of `count` trained models: (count,)."""

    def rows(self, draw: Generator, count: int) -> Array:
        """Draw the effects of `count` rows, the same for every model: (count,)."""

    def losses(self, draw: Generator, level: float, models: Array, rows: Array) -> Array:
        """Return the losses (models, rows) of one arm's models on these rows."""


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Errors (0 or 1): a model is wrong if a normal sum exceeds a threshold.

    The variance of the sum is 1: `common` is the part of the row (hard for every arm), `own` that
    of the row for this arm, `seed` that of the model; the rest is that of the model on this single
    row. So the mean error is exactly `level`.
    """

    level: float = 0.1
    common: float = 0.6
    own: float = 0.1
    seed: float = 0.005

    def mean(self, level: float) -> float:
        return level

    def models(self, draw: Generator, count: int) -> Array:
        return draw.normal(0, self.seed**0.5, count)

    def rows(self, draw: Generator, count: int) -> Array:
        return draw.normal(0, self.common**0.5, count)

    def losses(self, draw: Generator, level: float, models: Array, rows: Array) -> Array:
        own = draw.normal(0, self.own**0.5, len(rows))
        rest = 1 - self.common - self.own - self.seed
        noise = draw.standard_normal((len(models), len(rows)), dtype=np.float32) * rest**0.5
        known = (rows + own) + models[:, None]
        wrong: Array = (known + noise > norm.isf(level)).astype(float)
        return wrong


@dataclass(frozen=True, kw_only=True)
class TwoWays(Classification):
    """Classification whose trainings end in one of two ways: a share `bad` of them badly.

    The model's part of the sum has two values, with the variance `seed`. So the mean error is that
    of two normals, and `level` is only close to it.
    """

    seed: float = 0.1
    common: float = 0.5
    own: float = 0.05
    bad: float = 0.5

    @property
    def apart(self) -> float:
        return float((self.seed / (self.bad * (1 - self.bad))) ** 0.5)

    def mean(self, level: float) -> float:
        ends = ((self.bad, 1 - self.bad), (1 - self.bad, -self.bad))
        rest = (1 - self.seed) ** 0.5
        return float(
            sum(
                share * norm.sf((norm.isf(level) - place * self.apart) / rest)
                for share, place in ends
            )
        )

    def models(self, draw: Generator, count: int) -> Array:
        bad = (draw.random(count) < self.bad).astype(np.float64)
        return (bad - self.bad) * self.apart


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Absolute or squared errors: the noise of the targets plus the model's error.

    A tenth of the rows has three times the noise of the others. The model's error has the variance
    `level`, of which `own` belongs to the row for this arm, and the rest to the model. Half of the
    models have (1 + `seed`) times that rest, half (1 - `seed`). So means are sums of half-normals.
    """

    level: float = 0.5
    own: float = 0.3
    seed: float = 0.1
    squared: bool = False

    def mean(self, level: float) -> float:
        total = 0.0
        for share, noise in ((0.9, 1.0), (0.1, 9.0)):
            for times in (1 - self.seed, 1 + self.seed):
                variance = noise + level * (self.own + (1 - self.own) * times)
                total += share / 2 * (variance if self.squared else (2 * variance / np.pi) ** 0.5)
        return float(total)

    def models(self, draw: Generator, count: int) -> Array:
        return 1 + self.seed * draw.choice([-1.0, 1.0], count)

    def rows(self, draw: Generator, count: int) -> Array:
        return draw.standard_normal(count) * np.where(draw.random(count) < 0.1, 3.0, 1.0)

    def losses(self, draw: Generator, level: float, models: Array, rows: Array) -> Array:
        own = draw.normal(0, (level * self.own) ** 0.5, len(rows))
        spread = (level * (1 - self.own) * models) ** 0.5
        noise = draw.standard_normal((len(models), len(rows)), dtype=np.float32)
        errors: Array = (rows + own) + spread[:, None] * noise
        return errors**2 if self.squared else np.abs(errors)


def level_for(world: World, mean: float) -> float:
    """Return the level of an arm with this mean loss."""
    if isinstance(world, TwoWays):
        return float(brentq(lambda level: world.mean(level) - mean, 1e-9, 1 - 1e-9))
    if isinstance(world, Classification):
        return mean
    return float(brentq(lambda level: world.mean(level) - mean, 0, 1e6))


CLASSES = Classification()
WORLDS: dict[str, World] = {
    "classes": CLASSES,  # one in ten wrong; most of it because the row is hard
    "classes, seldom wrong": Classification(level=0.02, common=0.75, own=0.05, seed=0.002),
    "classes, seeds rule": Classification(level=0.2, common=0.4, own=0.02, seed=0.05),
    "classes, two ways": TwoWays(),  # half of all trainings end badly
    "classes, one in four": TwoWays(bad=0.25),
    "absolute": Regression(),
    "squared": Regression(squared=True, seed=0.4),
}


# Number of rows of each group of a test.
SIZES: dict[str, Callable[[Generator], Any]] = {
    "20 of 20": lambda draw: np.full(20, 20),
    "40 of 10": lambda draw: np.full(40, 10),
    "12 unequal": lambda draw: draw.geometric(0.05, 12),
    "one large": lambda draw: np.array([150, *[5] * 15]),
    "two large": lambda draw: np.array([100, 100, *[2] * 10]),
    "few together": lambda draw: np.where(draw.random(200) < 0.1, 5, 1),
}


def equal_on_new_groups(draw: Generator, sizes: Any, seeds: int = 8) -> tuple[Array, Array, Groups]:
    """Draw losses of two arms that are equal on new groups, each better on groups of its own.

    Args:
        sizes: of the groups of the test.

    Returns:
        Whether models (seeds, rows) of each arm are wrong, and the group of each row.
    """
    groups = np.repeat(np.arange(len(sizes)), sizes)
    hard = draw.normal(-1, 0.7, len(sizes))[groups] + draw.normal(0, 0.7, len(groups))
    arms = []
    for _ in range(2):
        own, models = draw.normal(0, 0.7, len(sizes)), draw.normal(0, 0.1, (seeds, 1))
        rest = draw.normal(0, 0.5, (seeds, len(groups)))
        arms.append((hard + own[groups] + models + rest > 0).astype(float))
    return arms[0], arms[1], groups


def equal_in_time(draw: Generator, rows: int, alike: float, seeds: int = 8) -> tuple[Array, Array]:
    """Draw absolute errors of two equal arms, on rows that follow each other in time.

    Args:
        alike: correlation between neighbouring rows, in the shared part and in each arm's own.
    """

    def walk() -> Array:
        steps = draw.normal(0, (1 - alike**2) ** 0.5, rows)
        steps[0] = draw.normal()
        return lfilter([1.0], [1.0, -alike], steps)

    noise = walk()
    arms = []
    for _ in range(2):
        models, rest = draw.normal(0, 0.05, (seeds, 1)), draw.normal(0, 0.2, (seeds, rows))
        arms.append(np.abs(noise + walk() / 2 + models + rest))
    return arms[0], arms[1]
