"""Compares two arms on the same test rows: their gain on new rows, with new seeds.

The loss of model s of an arm on test row r is a sum of effects:

    loss[s, r] = arm + seed[s] + row[r] + rest[s, r]

Rows are the same for both arms, so they are compared row by row. Seeds are not paired: paired seeds
were measured to correlate at about zero. The gain is the difference of two means, and its variance

    var(row difference)/R + var(seed)/n of each arm + var(rest)/(n R) of each arm

is estimated by moments (crossed random effects; Searle, Casella & McCulloch 1992, "Variance
Components", chapter 4; the tests compare it with Owen 2007, "The pigeonhole bootstrap", which
resamples the same variance). The variance of the row differences over R estimates the first and the
last two terms together, without bias; the last terms are subtracted from the variance of the seed
means. Intervals are Student's, with the degrees of freedom of Satterthwaite 1946. Two things are
added, both chosen by simulation (studies/verdict):

* One unseen row. If few rows differ, the drawn rows tell little about the others: with no
  difference in 20 rows, one row in seven may still differ. So one more row is counted into the
  variance. Its squared difference is the mean over the differing rows and one more, which differs
  completely. This matters as long as fewer than about ten rows differ, and it gives two arms with
  the same predictions an interval of some width around zero. (Compare the pseudo-rows of Agresti &
  Min 2005, "Simple improved confidence intervals for comparing matched proportions".)
* A margin of 5 % on the standard error, because Student's distribution is only approximate if there
  are few seeds, if losses are skewed, or if a variance component was cut off at zero.

A gain is proven only if an exact test over seeds agrees: see `joint`.

If rows belong together, each group counts as one: see `grouped`. If they follow each other in time,
see `in_time`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tuner.evidence.statistics.comparison import FEWEST_TO_PROVE
from tuner.evidence.statistics.components import Components, row_degrees, satterthwaite
from tuner.evidence.statistics.exact import deal, fewest_models
from tuner.evidence.statistics.gain import Gain, unproven
from tuner.evidence.statistics.grouped import by_group, evenness, widening
from tuner.evidence.statistics.in_time import evenness_in_time, widening_in_time
from tuner.evidence.statistics.joint import Joint
from tuner.evidence.statistics.looks import ALPHA, WHOLE, Share

if TYPE_CHECKING:
    from tuner.evidence.statistics.components import Array, Counts, Pair
    from tuner.evidence.statistics.grouped import Groups

MARGIN = 1.05  # on the standard error
FEWEST = fewest_models(ALPHA)  # models per arm that can prove anything: 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The statistics from which the variance of a gain is estimated.

    Attributes:
        gain: of the arm.
        rows: number of rows in the test, at least two; or of groups, if each counts as one.
        seeds: of each arm, at least two.
        differences: sample variance over rows of the difference of the arms' means.
        means: sample variance over seeds of a model's mean loss, for each arm.
        rest: mean square of the remainder of a single loss, for each arm.
        unseen: as in `Components`.
        scores: of each model of each arm, higher is better; None in older studies, which did not
            store them and are judged by Student's distribution only.
        in_groups: number of rows in the test, if `rows` counts groups; otherwise None.
        evenness: as in `Components`.
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
    evenness: float = 1.0


def compare_rows(
    baseline: Array,
    other: Array,
    share: Share = WHOLE,
    *,
    exact: bool = True,
    groups: Groups | None = None,
    in_time: bool = False,
) -> Gain:
    """Compare two arms by their losses on the same test rows.

    Args:
        baseline: (seeds, rows), lower is better: wrong or not (0, 1), absolute error, ...
        other: (seeds, rows); the same rows in the same order, any number of seeds.
        share: of the 5 % that this look may use.
        exact: whether the exact interval over seeds has to agree; older studies had six seeds and
            used Student's distribution only.
        groups: group of each row (rows,), numbered as by `grouped.numbered`; None if none belong
            together.
        in_time: whether rows are in the order of time, so that neighbours may be alike; not with
            groups.

    Raises:
        ValueError: no losses, different rows, or a loss that is not a finite number.
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
    wider = widening(groups)
    return judge(
        Moments(
            gain=gain,
            rows=units,
            seeds=seeds,
            differences=float(difference.var(ddof=1))
            * (widening_in_time(difference) if in_time else wider),
            means=(_spread(arms[0]), _spread(arms[1])),
            rest=(wider * _rest(arms[0]), wider * _rest(arms[1])),
            unseen=(float(difference @ difference) + unit**2) / (differing + 1),
            scores=(of_models[0], of_models[1]),
            in_groups=None if groups is None else rows,
            evenness=evenness_in_time(units) if in_time else evenness(groups),
        ),
        share,
        exact=exact,
    )


def judge(found: Moments, share: Share = WHOLE, *, exact: bool = True) -> Gain:
    """Return the gain with its interval, from its moments; arguments as in `compare_rows`."""
    rows, seeds = found.rows, found.seeds
    groups, tested = (None, rows) if found.in_groups is None else (rows, found.in_groups)
    rest = [one / (n * rows) for one, n in zip(found.rest, seeds, strict=True)]
    means = [one / n for one, n in zip(found.means, seeds, strict=True)]
    of_rows = found.differences / rows + found.unseen / rows**2
    # A negative seed component is cut off at zero, but its terms still count as uncertain.
    of_seeds = [max(0.0, mean - one) for mean, one in zip(means, rest, strict=True)]
    variance = of_rows + sum(of_seeds)
    components = Components(
        rows=max(0.0, found.differences - sum(rest) * rows),
        seeds=(of_seeds[0] * seeds[0], of_seeds[1] * seeds[1]),
        interaction=found.rest,
        unseen=found.unseen,
        evenness=found.evenness,
    )
    if variance == 0:  # all losses of both arms are the same number
        return unproven(found.gain, tested, seeds, share, groups=groups)
    by_rows = components.rows / rows + found.unseen / rows**2
    of_units = row_degrees(rows, found.evenness)
    freedom = of_units, *(count - 1 for count in seeds)
    joint = Joint(
        gain=found.gain,
        error=MARGIN * variance**0.5,
        degrees=satterthwaite(variance, (of_rows, *means), freedom),
        row_error=by_rows**0.5,
        row_degrees=of_units,
        dealt=deal(*map(np.array, found.scores)) if exact and found.scores else None,
        models=min(seeds),
    )
    return Gain.of(
        joint,
        seeds,
        share,
        fewest=FEWEST if exact and found.scores else FEWEST_TO_PROVE,
        rows=tested,
        groups=groups,
        components=components,
        row_share=min(1.0, by_rows / variance),
    )


def compare_models(baseline: Array, other: Array, share: Share = WHOLE) -> Gain:
    """Compare two arms by one score per model; the test rows are taken as fixed.

    Args:
        baseline: (seeds,), higher is better.
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
        degrees=satterthwaite(sum(parts), tuple(parts), tuple(count - 1 for count in seeds)),
        row_error=0.0,
        row_degrees=1,
        dealt=deal(baseline, other),
        models=min(seeds),
    )
    return Gain.of(joint, seeds, share, fewest=FEWEST)


def _spread(losses: Array) -> float:
    return float(losses.mean(axis=1).var(ddof=1))


def _rest(losses: Array) -> float:
    """Return the mean square of losses (seeds, rows) minus their means by row and by seed."""
    left = losses - losses.mean(axis=0) - losses.mean(axis=1, keepdims=True) + losses.mean()
    freedom = (losses.shape[0] - 1) * (losses.shape[1] - 1)
    return float((left * left).sum() / freedom)


def _unit(baseline: Array, other: Array) -> float:
    """Return the difference of a row that differs completely: one, or the spread of the losses.

    Right and wrong always differ by one, whether a loss is 0 and 1, or -1 and 0 from a negated
    score.
    """
    losses = np.concatenate((baseline, other))
    if np.isin(losses - losses.min(), (0, 1)).all():
        return 1.0
    return float(losses.std())
