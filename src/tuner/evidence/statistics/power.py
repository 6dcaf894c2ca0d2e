"""How large a true gain has to be for a test to call it better, by simulated tests.

No closed formula tells this. The exact part of a test over seeds (`joint`) can only prove a gain if
the models of the arms hardly overlap, a second look shares the models of the first, and the
standard error of few seeds is far from the true one. When a normal distribution stood for all of
this, gains that should have been detected in 80 % of tests were detected in as few as 48 %
(studies/verdict).

So tests of two equal arms are drawn, with normal effects of seeds and rows, and judged as `crossed`
and `joint` judge. Each of them would detect every gain from some size on, because a gain moves all
scores of an arm alike. The share of tests that detect a gain is the share whose size is below it.

If the components were measured, they are uncertain too. With 4 seeds, the true variance of seeds
may well be twice the measured one. So each simulated test has a variance of its own, drawn from
those that fit the measured one, by its degrees of freedom (Geisser 1993, "Predictive Inference").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit

from tuner.evidence.statistics.components import row_degrees
from tuner.evidence.statistics.crossed import FEWEST, MARGIN
from tuner.evidence.statistics.exact import lower_ends, ways

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuner.evidence.statistics.components import Array, Components
    from tuner.evidence.statistics.looks import Look

TESTS = 1_000  # simulated: the standard error of a share of 80 % is 1.3 points
SCORED = 24  # models per arm whose scores are drawn; of more, only their mean and variance
MOST_EXACT = 7  # models per arm; with more, or with a finer exact test, it hardly ever decides
COARSE = 4  # ways at one end, below which it is coarse
ROWS, SEEDS, KNOWN = 1, (2, 3), 4  # streams of random numbers
STEP = 0.02  # of the ratio of two spreads, as a logarithm
TINY = 1e-300  # so that no spread is zero
MANY = 50  # degrees of freedom, from which chi-squared is computed from a normal variable


def detected_from(
    components: Components, rows: int, looks: Sequence[Look], known: float = math.inf
) -> Array:
    """Return the least gain that each simulated test detects: (TESTS,).

    Args:
        components: of the variance.
        rows: of the test, at least two.
        looks: of the test, the first one first.
        known: degrees of freedom of the variance that the components were measured with; infinite
            if they are given.
    """
    test = _Test(components, rows, row_degrees(rows, components.evenness))
    least = np.full(TESTS, math.inf)
    for look in looks:
        if look.models >= FEWEST:
            least = np.minimum(least, test.detected_at(look))
    return least if math.isinf(known) else least / _spread(known, KNOWN) ** 0.5


@dataclass(frozen=True, slots=True)
class _Test:
    """A test of so many rows, or groups; the variance over them has so many degrees of freedom."""

    components: Components
    rows: int
    degrees: float

    def detected_at(self, look: Look) -> Array:
        """Return the least gain that one look detects in each test, as `crossed.judge` judges."""
        models, rows, true = look.models, self.rows, self.components
        rest = np.array(true.interaction)[:, None]
        errors = (np.array(true.seeds)[:, None] + rest / rows + TINY) ** 0.5  # of a model's loss
        centres, spreads = _models(models)
        by_seeds = errors[1] * centres[1] - errors[0] * centres[0]
        gain = (true.rows / rows) ** 0.5 * _normal()[0] + by_seeds
        means = errors**2 * spreads / models
        shared = rest.sum() / models
        differences = (true.rows + shared) * _spread(self.degrees, ROWS)
        unseen = true.unseen / rows**2
        of_rows = differences / rows + unseen
        variance = of_rows + np.maximum(0, means - rest / models / rows).sum(axis=0)
        uncertain = of_rows**2 / self.degrees + (means**2).sum(axis=0) / (models - 1)
        degrees = np.maximum(1, variance**2 / uncertain)
        away = MARGIN * variance**0.5 * -stdtrit(degrees, look.alpha / 2)
        if models <= MOST_EXACT and look.alpha / 2 * ways((models, models)) < COARSE:
            low = errors[0, 0] * _exact_ends(look, _step_of(errors[1, 0] / errors[0, 0]))
            alone = np.maximum(0, differences - shared) / rows + unseen
            by_rows = alone**0.5 * -stdtrit(self.degrees, look.alpha / 2)
            away = np.maximum(away, np.hypot(by_seeds - low, by_rows))
        found: Array = away - gain
        return found


def _models(count: int) -> tuple[Array, Array]:
    """Return mean and variance of the scores of so many models per arm, (2, TESTS) each."""
    if count <= SCORED:
        scores = _scores(count)
        return scores.mean(axis=1), scores.var(axis=1, ddof=1)
    spreads = np.stack([_spread(count - 1, arm) for arm in SEEDS])
    centres: Array = _normal()[1:3] / count**0.5
    return centres, spreads


def _scores(count: int) -> Array:
    """Return the scores of so many models per arm (2, models, TESTS)."""
    return _normal()[1:].reshape(2, SCORED, TESTS)[:, :count]


def _step_of(ratio: float) -> int:
    return round(math.log(ratio) / STEP)


@lru_cache(maxsize=32)
def _exact_ends(look: Look, step: int) -> Array:
    """Return the lower ends of the exact intervals (TESTS,), if the first arm has variance one.

    Args:
        step: of the ratio of the other arm's spread to that. It is rounded, because a search for a
            number of rows asks for many ratios that hardly differ.
    """
    baseline, other = _scores(look.models)
    return lower_ends(baseline.T, math.exp(step * STEP) * other.T, look.alpha)


@cache
def _normal() -> Array:
    """Return the normal variables of all tests: of the rows, then of the models of each arm."""
    return np.random.default_rng(0).standard_normal((1 + 2 * SCORED, TESTS))


@lru_cache(maxsize=64)
def _spread(degrees: float, stream: int) -> Array:
    """Return how much larger a variance is than the true one, by chance: (TESTS,), mean one.

    Equal chance gives a similar number for similar degrees of freedom, so that what is searched by
    trying numbers of rows or models hardly depends on chance. With many degrees, it is computed
    from a normal variable (Wilson & Hilferty 1931, "The Distribution of Chi-Square").
    """
    drawn: Array = np.random.default_rng(stream).standard_normal(TESTS)
    if degrees < MANY:
        return np.asarray(chdtri(degrees, ndtr(-drawn)) / degrees)
    step = 2 / (9 * degrees)
    return np.asarray((1 - step + drawn * step**0.5) ** 3)
