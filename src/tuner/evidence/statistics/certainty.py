"""How small a gain a test can show, and what more rows or seeds would show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tuner.evidence.statistics.components import Components
from tuner.evidence.statistics.crossed import FEWEST
from tuner.evidence.statistics.looks import WHOLE, Share
from tuner.evidence.statistics.power import detected_from

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
        smallest: true gain that is detected in 80 % of studies; None if so few seeds prove nothing.
        wanted: the gain in question: the hoped-for one before the test, the observed one after it;
            None if there is none, as with a gain that is not above zero.
        rows_needed: to detect `wanted` in 80 % of studies with these seeds; None if no number can.
        seeds_needed: to detect it on these rows; None if no number can.
        row_share: share of the variance that endless seeds would leave.
        hour_seeds: seeds per arm that one more hour of training buys, but no more than are useful;
            None if their time is unknown.
        hour_smallest: `smallest` with those added, in one look.
        hour_seconds: duration of their training: at most an hour.
        grouped: whether `rows` are groups.
        smallest_apart: `smallest` if rows of a group were no more alike than others; None if this
            is not asked.
    """

    rows: int
    seeds: int
    share: Share
    smallest: float | None
    wanted: float | None
    rows_needed: int | None
    seeds_needed: int | None
    row_share: float
    hour_seeds: int | None
    hour_smallest: float | None
    hour_seconds: float | None
    grouped: bool = False
    smallest_apart: float | None = None


def smallest_gain(
    components: Components,
    rows: int,
    seeds: int,
    share: Share = WHOLE,
    known: float = math.inf,
) -> float:
    """Return the smallest true gain that a test of this size calls better in 80 % of studies.

    Infinite if so few seeds prove nothing.

    Args:
        components: of the variance, known or guessed.
        rows: of the test, at least two.
        seeds: per arm, at least two.
        share: of the 5 % that the last look may use.
        known: degrees of freedom of the variance that the components were measured with.
    """
    detected = detected_from(components, rows, share.looks(seeds), known)
    return float(np.quantile(detected, POWER, method="higher"))


def rows_for(
    components: Components,
    gain: float,
    seeds: int,
    share: Share = WHOLE,
    known: float = math.inf,
) -> int | None:
    """Return how many test rows show this gain with these seeds; None where no number can."""
    return _fewest(lambda n: smallest_gain(components, n, seeds, share, known), gain, MOST_ROWS)


def seeds_for(
    components: Components,
    gain: float,
    rows: int,
    share: Share = WHOLE,
    known: float = math.inf,
) -> int | None:
    """Return how many seeds an arm show this gain on these rows; None where no number can."""
    return _fewest(lambda n: smallest_gain(components, rows, n, share, known), gain, MOST_SEEDS)


def guessed_components(
    error: float, *, spread: float | None, seed_spread: float = 0.0
) -> Components:
    """Guess the components of a gain before any model has met the test.

    Two arms are taken to share half of their errors. So the rows that one model of each does not
    get equally right are as many as either gets wrong.

    Args:
        error: expected mean loss of both arms: share of wrong rows, or mean absolute error.
        spread: standard deviation of a row's loss as a share of the mean loss; None if losses are
            right or wrong (`Metric.spread`).
        seed_spread: standard deviation, over seeds, of a model's mean loss on endless rows.

    Raises:
        ValueError: an error that no model can have.
    """
    if error < 0 or (spread is None and error > 1):
        raise ValueError(f"an error of {error}; it is a share of rows, or not negative")
    single = error if spread is None else (spread * error) ** 2
    return Components(
        rows=SETTLED * single,
        seeds=(seed_spread**2, seed_spread**2),
        interaction=((1 - SETTLED) * single / 2, (1 - SETTLED) * single / 2),
        unseen=SETTLED if spread is None else single,  # such a row differs for half of the models
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
    known: float = math.inf,
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
        known: degrees of freedom of the variance that the components were measured with, in a
            test that has been made.

    Raises:
        ValueError: fewer than two rows or seeds.
    """
    if rows < 2 or seeds < 2:
        raise ValueError(f"{rows} rows and {seeds} seeds; at least two of each are needed")
    # More seeds are one look: of this test, or of a further one on the same rows.
    further = Share(share.tests if math.isinf(known) else share.tests + 1)
    with_more = partial(smallest_gain, components, rows, share=further, known=known)
    smallest, more = smallest_gain(components, rows, seeds, share, known), None
    if seconds is not None:
        useful = _fewest(with_more, OF_USE * with_more(MOST_SEEDS), MOST_SEEDS) or MOST_SEEDS
        more = min(int(HOUR / (2 * seconds)), max(0, useful - seeds))  # both arms are trained
    asked = wanted if wanted is not None and wanted > 0 else None
    counts = seeds, seeds
    by_rows = components.rows / rows + components.unseen / rows**2
    variance = components.variance(rows, counts)
    apart = math.inf if members is None else smallest_gain(components, members, seeds, share)
    return Certainty(
        rows=rows,
        seeds=seeds,
        share=share,
        smallest=_finite(smallest),
        wanted=asked,
        rows_needed=None if asked is None else rows_for(components, asked, seeds, share, known),
        seeds_needed=None if asked is None else seeds_for(components, asked, rows, further, known),
        row_share=by_rows / variance if variance else 1.0,
        hour_seeds=more,
        hour_smallest=None if more is None else _finite(with_more(seeds + more)),
        hour_seconds=None if more is None or seconds is None else 2 * seconds * more,
        grouped=grouped,
        smallest_apart=_finite(apart),
    )


def measured_certainty(gain: Gain, *, seconds: float | None = None) -> Certainty | None:
    """Return what such a test can show, from the components that one has measured.

    None if there are none, or if so few seeds prove nothing.

    If the arms have different numbers of seeds, the smaller one counts.

    Args:
        gain: of the test.
        seconds: mean duration of one training, over both arms.
    """
    if gain.components is None or gain.degrees is None or min(gain.seeds) < FEWEST:
        return None
    return expected_certainty(
        gain.components,
        gain.units,
        min(gain.seeds),
        wanted=gain.gain,
        share=gain.share,
        seconds=seconds,
        grouped=gain.groups is not None,
        known=gain.degrees,
    )


def _finite(gain: float) -> float | None:
    return gain if math.isfinite(gain) else None


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
