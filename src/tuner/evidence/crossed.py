"""Two arms on the same test rows: what their gain is on new rows, with new seeds.

A loss of model s of an arm on test row r is taken apart as

    loss[s, r] = arm + seed[s] + row[r] + rest[s, r]

Rows are the same for both arms, so they are compared row by row; seeds are not paired (paired seeds
were measured to correlate at about zero). The gain is the difference of two means, and its variance

    var(row difference)/R + var(seed)/n of each arm + var(rest)/(n R) of each arm

is estimated by moments (crossed random effects; Searle, Casella & McCulloch 1992, "Variance
Components", chapter 4; the same variance that Owen 2007, "The pigeonhole bootstrap", resamples, see
`resampling`). The spread of the row differences over R holds the first and the last two terms at
once, without bias; of the spread of seed means the last terms are taken off again. Intervals are
Student's, with the degrees of freedom of Satterthwaite 1946. Two things are added, both chosen by
simulation (studies/verdict):

* One unseen row. Where few rows differ, the rows drawn tell little about those that were not: with
  no difference in 20 rows, one row in seven may still differ. So one more row is counted into the
  variance. Its squared difference is the mean over the rows that differ and one more, which differs
  wholly. This matters while fewer than about ten rows differ, and it gives two arms with the same
  predictions an interval of some width around zero. (Compare the pseudo-rows of Agresti & Min 2005,
  "Simple improved confidence intervals for comparing matched proportions".)
* A margin of 5 % on the standard error, because Student's distribution fits only roughly where
  there are few seeds, losses are skewed, or a variance component was cut off at zero.

A gain is proven where an exact test over seeds says so too: see `joint`.

Where rows belong together, all of a group count as one: see `grouped`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tuner.evidence.comparison import FEWEST_TO_PROVE, verdict_of
from tuner.evidence.components import Components, satterthwaite
from tuner.evidence.exact import deal, fewest_models
from tuner.evidence.grouped import by_group
from tuner.evidence.joint import Joint
from tuner.evidence.looks import ALPHA, WHOLE, Share

if TYPE_CHECKING:
    from tuner.evidence.comparison import Verdict
    from tuner.evidence.components import Array, Counts, Pair
    from tuner.evidence.grouped import Groups

MARGIN = 1.05  # on the standard error
FEWEST = fewest_models(ALPHA)  # models an arm that prove anything: 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """How much better an arm is than the baseline, for new test rows and new seeds.

    Attributes:
        gain: mean loss of the baseline less that of the arm; above zero is better.
        interval: of the gain, at 95 % over all tests of these rows and all looks of this one; None
            with fewer than four seeds in an arm (six by Student's distribution alone), with a
            single row, or where all losses are one number.
        p_value: two-sided, times what the 5 % were split by, one at most: the gain is proven where
            it is 0.05 or less, which is where the interval excludes zero. One where there is no
            interval.
        least_p_value: that so few models can show.
        standard_error: of the gain, the margin included; None with a single
            seed or row, or where all losses are one number.
        degrees: of freedom of Student's distribution; None as the standard error.
        row_share: of the variance, what endless seeds would leave; only more rows reduce it. None
            as the standard error.
        components: where the variance comes from; None as the standard error.
        rows: of the test.
        seeds: of the baseline and of the arm.
        share: of the 5 % that this look may use.
        groups: of the rows, where some belong together: each counts as one; None: each row does.
    """

    gain: float
    interval: Pair | None
    p_value: float
    standard_error: float | None
    degrees: float | None
    row_share: float | None
    components: Components | None
    rows: int
    seeds: Counts
    share: Share
    groups: int | None = None
    least_p_value: float = 0.0

    @property
    def units(self) -> int:
        """What is drawn again with new data, of which there were so many: rows, or groups."""
        return self.rows if self.groups is None else self.groups

    @property
    def seed_share(self) -> float | None:
        """Of the variance, what more seeds can take away; with what seeds do on single rows."""
        return None if self.row_share is None else 1 - self.row_share

    @property
    def verdict(self) -> Verdict:
        """Better or worse only where the whole interval says so."""
        return verdict_of(self.interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What the variance of a gain is estimated from.

    Attributes:
        gain: of the arm.
        rows: of the test, at least two; or groups of rows, where each counts as one.
        seeds: of each arm, at least two.
        differences: variance over rows of the difference of the arms' means, n - 1.
        means: variance over seeds of a model's mean loss, n - 1, of each arm.
        rest: mean square of what is left of a single loss, of each arm.
        unseen: as in `Components`.
        scores: of each model of each arm, more is better; None in studies made before they were
            kept, which are judged by Student's distribution alone.
        in_groups: rows of the test, where `rows` are groups of them; None: they are not.
    """

    gain: float
    rows: int
    seeds: Counts
    differences: float
    means: Pair
    rest: Pair
    unseen: float
    scores: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    in_groups: int | None = None


def compare_rows(
    baseline: Array,
    other: Array,
    share: Share = WHOLE,
    *,
    exact: bool = True,
    groups: Groups | None = None,
) -> Gain:
    """Compare two arms by their losses on the same test rows.

    Args:
        baseline: (seeds, rows), less is better: wrong or not (0, 1), absolute error, ...
        other: (seeds, rows); the same rows in the same order, any number of seeds.
        share: of the 5 % that this look may use.
        exact: whether the exact interval over seeds has to agree; studies made before had six
            seeds and Student's distribution alone.
        groups: of each row (rows,), as `grouped.numbered` has them; None: none belong together.

    Raises:
        ValueError: no losses, not the same rows, or a loss that is not a finite number.
    """
    shapes = f"losses of shapes {baseline.shape} and {other.shape}"
    if baseline.ndim != 2 or other.ndim != 2 or not baseline.size or not other.size:
        raise ValueError(f"{shapes}; (seeds, rows) are needed, one of each at least")
    if baseline.shape[1] != other.shape[1]:
        raise ValueError(f"{shapes}; both arms need the same test rows")
    if not (np.isfinite(baseline).all() and np.isfinite(other).all()):
        raise ValueError("a loss is not a finite number, so no gain can be computed")
    arms = baseline.astype(np.float64), other.astype(np.float64)
    seeds, rows = (len(baseline), len(other)), baseline.shape[1]
    unit, of_models = _unit(*arms), [tuple((-one.mean(axis=1)).tolist()) for one in arms]
    if groups is not None:
        arms = by_group(arms[0], groups), by_group(arms[1], groups)
    difference = arms[0].mean(axis=0) - arms[1].mean(axis=0)
    rounding = 1e-12 * max(float(np.abs(one).max()) for one in arms)
    difference[np.abs(difference) < rounding] = 0
    gain = float(difference.mean())
    gain = 0.0 if abs(gain) < rounding else gain
    units = len(difference)
    if units < 2 or min(seeds) < 2:
        return unproven(gain, rows, seeds, share, groups=None if groups is None else units)
    differing = int(np.count_nonzero(difference))
    return judge(
        Moments(
            gain=gain,
            rows=units,
            seeds=seeds,
            differences=float(difference.var(ddof=1)),
            means=(_spread(arms[0]), _spread(arms[1])),
            rest=(_rest(arms[0]), _rest(arms[1])),
            unseen=(float(difference @ difference) + unit**2) / (differing + 1),
            scores=(of_models[0], of_models[1]),
            in_groups=None if groups is None else rows,
        ),
        share,
        exact=exact,
    )


def judge(found: Moments, share: Share = WHOLE, *, exact: bool = True) -> Gain:
    """Say what may be claimed of a gain with these moments; arguments are as in `compare_rows`."""
    rows, seeds = found.rows, found.seeds
    groups, tested = (None, rows) if found.in_groups is None else (rows, found.in_groups)
    rest = [one / (n * rows) for one, n in zip(found.rest, seeds, strict=True)]
    means = [one / n for one, n in zip(found.means, seeds, strict=True)]
    of_rows = found.differences / rows + found.unseen / rows**2
    # A seed part under zero is cut off, but what it was made of still counts as uncertain.
    of_seeds = [max(0.0, mean - one) for mean, one in zip(means, rest, strict=True)]
    variance = of_rows + sum(of_seeds)
    components = Components(
        rows=max(0.0, found.differences - sum(rest) * rows),
        seeds=(of_seeds[0] * seeds[0], of_seeds[1] * seeds[1]),
        interaction=found.rest,
        unseen=found.unseen,
    )
    if variance == 0:  # all losses of both arms are one and the same number
        return unproven(found.gain, tested, seeds, share, groups=groups)
    by_rows = components.rows / rows + found.unseen / rows**2
    joint = Joint(
        gain=found.gain,
        error=MARGIN * variance**0.5,
        degrees=satterthwaite(variance, (of_rows, *means), (rows, *seeds)),
        row_error=by_rows**0.5,
        row_degrees=rows - 1,
        dealt=deal(*map(np.array, found.scores)) if exact and found.scores else None,
        models=min(seeds),
    )
    proves = min(seeds) >= (FEWEST if exact and found.scores else FEWEST_TO_PROVE)
    return Gain(
        gain=found.gain,
        interval=joint.interval(share.alpha) if proves else None,
        p_value=joint.p_value(share.alpha) if proves else 1.0,
        standard_error=joint.error,
        degrees=joint.degrees,
        row_share=min(1.0, by_rows / variance),
        components=components,
        rows=tested,
        seeds=seeds,
        share=share,
        groups=groups,
        least_p_value=joint.least_p_value(share.alpha),
    )


def compare_models(baseline: Array, other: Array, share: Share = WHOLE) -> Gain:
    """Compare two arms by a score of each model alone; the test rows are taken as they are.

    Args:
        baseline: (seeds,), more is better.
        other: (seeds,).
        share: of the 5 % that this look may use.
    """
    seeds, gain = (len(baseline), len(other)), float(other.mean() - baseline.mean())
    if min(seeds) < 2:
        return unproven(gain, 0, seeds, share)
    parts = [float(one.var(ddof=1)) / len(one) for one in (baseline, other)]
    if sum(parts) == 0:
        return unproven(gain, 0, seeds, share)
    joint = Joint(
        gain=gain,
        error=MARGIN * sum(parts) ** 0.5,
        degrees=satterthwaite(sum(parts), tuple(parts), seeds),
        row_error=0.0,
        row_degrees=1,
        dealt=deal(baseline, other),
        models=min(seeds),
    )
    proves = min(seeds) >= FEWEST
    return Gain(
        gain=gain,
        interval=joint.interval(share.alpha) if proves else None,
        p_value=joint.p_value(share.alpha) if proves else 1.0,
        standard_error=joint.error,
        degrees=joint.degrees,
        row_share=None,
        components=None,
        rows=0,
        seeds=seeds,
        share=share,
        least_p_value=joint.least_p_value(share.alpha),
    )


def unproven(
    gain: float, rows: int, seeds: Counts, share: Share, *, groups: int | None = None
) -> Gain:
    """Return a gain of which nothing can be said: nothing varies, or there is one seed or row."""
    return Gain(
        gain=gain,
        interval=None,
        p_value=1.0,
        standard_error=None,
        degrees=None,
        row_share=None,
        components=None,
        rows=rows,
        seeds=seeds,
        share=share,
        groups=groups,
    )


def _spread(losses: Array) -> float:
    return float(losses.mean(axis=1).var(ddof=1))


def _rest(losses: Array) -> float:
    """Return the mean square of losses (seeds, rows) without their means by row and by seed."""
    left = losses - losses.mean(axis=0) - losses.mean(axis=1, keepdims=True) + losses.mean()
    freedom = (losses.shape[0] - 1) * (losses.shape[1] - 1)
    return float((left * left).sum() / freedom)


def _unit(baseline: Array, other: Array) -> float:
    """Return what one row that differs wholly differs by: one, or as much as losses spread.

    Right and wrong are one apart, wherever they begin: a loss of 0 and 1, or -1 and 0 where it is a
    score turned round.
    """
    losses = np.concatenate((baseline, other))
    if np.isin(losses - losses.min(), (0, 1)).all():
        return 1.0
    return float(losses.std())
