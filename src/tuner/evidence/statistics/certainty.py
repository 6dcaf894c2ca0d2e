"""The price of certainty: how small a gain can be shown, and what more rows or seeds would show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from scipy.stats import norm
from scipy.stats import t as student

from tuner.evidence.statistics.components import Components
from tuner.evidence.statistics.crossed import MARGIN
from tuner.evidence.statistics.looks import WHOLE, Share

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.evidence.statistics.gain import Gain

POWER = 0.8  # how often a gain that is there has to be seen
SETTLED = 0.5  # of the rows on which two models of equal arms differ: not by the luck of a seed
MOST_ROWS, MOST_SEEDS = 10**9, 10**4  # more are never suggested
HOUR = 3600.0
OF_USE = 1.05  # times what endless seeds would show: further ones bring next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """What a test of this size can show.

    Attributes:
        rows: of the test; or groups of rows, where each counts as one.
        seeds: an arm.
        share: of the 5 % that the last look may use.
        smallest: true gain that is seen in 80 % of studies.
        wanted: the gain asked about: what was hoped for before, what was observed after; None where
            there is nothing to ask, as with a gain not above zero.
        rows_needed: to see `wanted` in 80 % of studies with these seeds; None where no number can.
        seeds_needed: to see it on these rows; None where no number can.
        row_share: of the variance, what endless seeds would leave.
        hour_seeds: seeds an arm that one more hour buys, but no more than are of any use; None
            where their time is unknown.
        hour_smallest: `smallest` with those added.
        hour_seconds: that their training takes: an hour at most.
        grouped: whether `rows` are groups.
        smallest_apart: `smallest`, were rows of a group no more alike than others; None where that
            is not asked.
    """

    rows: int
    seeds: int
    share: Share
    smallest: float
    wanted: float | None
    rows_needed: int | None
    seeds_needed: int | None
    row_share: float
    hour_seeds: int | None
    hour_smallest: float | None
    hour_seconds: float | None
    grouped: bool = False
    smallest_apart: float | None = None


def smallest_gain(components: Components, rows: int, seeds: int, share: Share = WHOLE) -> float:
    """Return the smallest true gain that a test of this size calls better in 80 % of studies.

    Where the interval's half-width is h and the standard error s, a gain of h + z s is outside the
    interval in a share `POWER` of studies, z being its normal quantile.

    Args:
        components: of the variance, known or guessed.
        rows: of the test, at least two.
        seeds: an arm, at least two.
        share: of the 5 % that the look may use.
    """
    counts = seeds, seeds
    error = math.sqrt(components.variance(rows, counts))
    quantile = float(student.isf(share.alpha / 2, components.degrees(rows, counts)))
    return error * (MARGIN * quantile + float(norm.ppf(POWER)))


def rows_for(components: Components, gain: float, seeds: int, share: Share = WHOLE) -> int | None:
    """Return how many test rows show this gain with these seeds; None where no number can."""
    return _fewest(lambda n: smallest_gain(components, n, seeds, share), gain, MOST_ROWS)


def seeds_for(components: Components, gain: float, rows: int, share: Share = WHOLE) -> int | None:
    """Return how many seeds an arm show this gain on these rows; None where no number can."""
    return _fewest(lambda n: smallest_gain(components, rows, n, share), gain, MOST_SEEDS)


def guessed_components(error: float, *, classes: bool, seed_spread: float = 0.0) -> Components:
    """Guess the components of a gain before any model has met the test.

    Two arms are taken to share half of their errors. So the rows that one model of each does not
    get equally right are as many as either gets wrong; absolute errors are taken as half-normal.

    Args:
        error: mean loss to expect of both arms: share of wrong rows, or mean absolute error.
        classes: whether losses are right or wrong (else absolute errors).
        seed_spread: standard deviation, over seeds, of a model's mean loss on endless rows.

    Raises:
        ValueError: an error that no model can have.
    """
    if error < 0 or (classes and error > 1):
        raise ValueError(f"an error of {error}; it is a share of rows, or not negative")
    single = error if classes else error**2 * (math.pi / 2 - 1)
    return Components(
        rows=SETTLED * single,
        seeds=(seed_spread**2, seed_spread**2),
        interaction=((1 - SETTLED) * single / 2, (1 - SETTLED) * single / 2),
        unseen=SETTLED if classes else single,  # a row that differs does so for half of the models
    )


def expected_certainty(
    components: Components,
    rows: int,
    seeds: int,
    *,
    wanted: float | None = None,
    share: Share = WHOLE,
    seconds: float | None = None,
    grouped: bool = False,
    members: int | None = None,
) -> Certainty:
    """Say what a test can show, from guessed components (see `guessed_components`).

    Args:
        components: guessed, or those of an earlier study of the same kind.
        rows: of the test; or groups of them, as if all rows of one were the same.
        seeds: an arm.
        wanted: the gain hoped for.
        share: of the 5 % that the last look may use.
        seconds: one training takes.
        grouped: whether `rows` are groups.
        members: rows of all groups, where components are guessed of a row: nobody knows yet how
            alike rows of a group are (Cochran 1977, "Sampling Techniques", section 9.4).

    Raises:
        ValueError: fewer than two rows or seeds.
    """
    if rows < 2 or seeds < 2:
        raise ValueError(f"{rows} rows and {seeds} seeds; at least two of each are needed")
    smallest = partial(smallest_gain, components, rows, share=share)
    more = None
    if seconds is not None:
        useful = _fewest(smallest, OF_USE * smallest(MOST_SEEDS), MOST_SEEDS) or MOST_SEEDS
        more = min(int(HOUR / (2 * seconds)), max(0, useful - seeds))  # both arms are trained
    asked = wanted if wanted is not None and wanted > 0 else None
    counts = seeds, seeds
    by_rows = components.rows / rows + components.unseen / rows**2
    variance = components.variance(rows, counts)
    apart = None if members is None else smallest_gain(components, members, seeds, share)
    return Certainty(
        rows=rows,
        seeds=seeds,
        share=share,
        smallest=smallest(seeds),
        wanted=asked,
        rows_needed=None if asked is None else rows_for(components, asked, seeds, share),
        seeds_needed=None if asked is None else seeds_for(components, asked, rows, share),
        row_share=by_rows / variance if variance else 1.0,
        hour_seeds=more,
        hour_smallest=None if more is None else smallest(seeds + more),
        hour_seconds=None if more is None or seconds is None else 2 * seconds * more,
        grouped=grouped,
        smallest_apart=apart,
    )


def measured_certainty(gain: Gain, *, seconds: float | None = None) -> Certainty | None:
    """Say what a test could have shown, from what was measured; None where nothing was.

    With different numbers of seeds in the arms the smaller one counts.

    Args:
        gain: of the test.
        seconds: one training took, the mean of both arms.
    """
    if gain.components is None:
        return None
    return expected_certainty(
        gain.components,
        gain.units,
        min(gain.seeds),
        wanted=gain.gain,
        share=gain.share,
        seconds=seconds,
        grouped=gain.groups is not None,
    )


def _fewest(smallest: Callable[[int], float], gain: float, most: int) -> int | None:
    """Return the smallest count from two to `most` that brings `smallest` down to the gain."""
    if gain <= 0 or smallest(most) > gain:
        return None
    low, high = 1, 2  # a count too small, and one that may do
    while smallest(high) > gain:
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if smallest(middle) <= gain else (middle, high)
    return high
