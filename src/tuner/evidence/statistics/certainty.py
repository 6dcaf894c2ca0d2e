"""How small a gain a test can show, and what more rows or seeds would show."""

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

POWER = 0.8  # share of studies in which a true gain has to be detected
SETTLED = 0.5  # of the rows on which models of equal arms differ: those not due to the seed
MOST_ROWS, MOST_SEEDS = 10**9, 10**4  # more are never suggested
HOUR = 3600.0
OF_USE = 1.05  # relative to endless seeds: below this, more seeds bring next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """How small a gain a test of this size can detect.

    Attributes:
        rows: number of rows in the test; or of groups, if each counts as one.
        seeds: per arm.
        share: of the 5 % that the last look may use.
        smallest: true gain that is detected in 80 % of studies.
        wanted: the gain in question: the hoped-for one before the test, the observed one after it;
            None if there is none, as with a gain that is not above zero.
        rows_needed: to detect `wanted` in 80 % of studies with these seeds; None if no number can.
        seeds_needed: to detect it on these rows; None if no number can.
        row_share: share of the variance that endless seeds would leave.
        hour_seeds: seeds per arm that one more hour of training buys, but no more than are useful;
            None if their time is unknown.
        hour_smallest: `smallest` with those added.
        hour_seconds: duration of their training: at most an hour.
        grouped: whether `rows` are groups.
        smallest_apart: `smallest` if rows of a group were no more alike than others; None if this
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
        seeds: per arm, at least two.
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
        error: expected mean loss of both arms: share of wrong rows, or mean absolute error.
        classes: whether losses are right or wrong (otherwise absolute errors).
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
        unseen=SETTLED if classes else single,  # such a row differs for half of the models
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
    """Return what a test can show, from guessed components (see `guessed_components`).

    Args:
        components: guessed, or those of an earlier study of the same kind.
        rows: number of rows in the test; or of groups, as if all rows of one were the same.
        seeds: per arm.
        wanted: the hoped-for gain.
        share: of the 5 % that the last look may use.
        seconds: duration of one training.
        grouped: whether `rows` are groups.
        members: number of rows in all groups, if components are guessed for single rows: nobody
            knows yet how alike the rows of a group are (Cochran 1977, "Sampling Techniques",
            section 9.4).

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
    """Return what a test could have shown, from its measured components; None if there are none.

    If the arms have different numbers of seeds, the smaller one counts.

    Args:
        gain: of the test.
        seconds: mean duration of one training, over both arms.
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
    """Return the smallest count, from two to `most`, with which this gain can be shown."""
    if gain <= 0 or smallest(most) > gain:
        return None
    low, high = 1, 2  # a count that is too small, and one that may suffice
    while smallest(high) > gain:
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if smallest(middle) <= gain else (middle, high)
    return high
