"""The gain of an arm over the baseline, and how certain it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tuner.evidence.statistics.comparison import verdict_of

if TYPE_CHECKING:
    from tuner.evidence.statistics.comparison import Verdict
    from tuner.evidence.statistics.components import Components, Counts, Pair
    from tuner.evidence.statistics.joint import Joint
    from tuner.evidence.statistics.looks import Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The gain of an arm over the baseline, for new test rows and new seeds.

    Attributes:
        gain: mean loss of the baseline minus that of the arm; positive is better.
        interval: of the gain, at 95 % over all tests of these rows and all looks of this one; None
            with fewer than four seeds in an arm (six by Student's distribution alone), with a
            single row, or if all losses are the same number.
        p_value: two-sided, times the factor by which the 5 % were split, at most one: the gain is
            proven if it is 0.05 or less, which is when the interval excludes zero. One if there is
            no interval.
        least_p_value: the lowest that this many models can show.
        standard_error: of the gain, margin included; None with a single seed or row, or if all
            losses are the same number.
        degrees: of freedom of Student's distribution; None if `standard_error` is.
        row_share: share of the variance that endless seeds would leave; only more rows reduce it.
            None if `standard_error` is.
        components: of the variance; None if `standard_error` is.
        rows: of the test.
        seeds: of the baseline and of the arm.
        share: of the 5 % that this look may use.
        groups: number of groups, if rows belong together and each group counts as one; otherwise
            None.
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
        """Number of rows, or of groups: the units that new data would draw."""
        return self.rows if self.groups is None else self.groups

    @property
    def seed_share(self) -> float | None:
        """Share of the variance that more seeds can remove, with their interaction with rows."""
        return None if self.row_share is None else 1 - self.row_share

    @property
    def verdict(self) -> Verdict:
        """Better or worse only if the whole interval agrees."""
        return verdict_of(self.interval)

    @classmethod
    def of(
        cls,
        joint: Joint,
        seeds: Counts,
        share: Share,
        *,
        fewest: int,
        rows: int = 0,
        groups: int | None = None,
        components: Components | None = None,
        row_share: float | None = None,
    ) -> Self:
        """Return the gain that two intervals together show.

        Args:
            fewest: models per arm that can prove anything; with fewer there is no interval.
        """
        proves = min(seeds) >= fewest
        return cls(
            gain=joint.gain,
            interval=joint.interval(share.alpha) if proves else None,
            p_value=joint.p_value(share.alpha) if proves else 1.0,
            least_p_value=joint.least_p_value(share.alpha),
            standard_error=joint.error,
            degrees=joint.degrees,
            row_share=row_share,
            components=components,
            rows=rows,
            seeds=seeds,
            share=share,
            groups=groups,
        )


def unproven(
    gain: float, rows: int, seeds: Counts, share: Share, *, groups: int | None = None
) -> Gain:
    """Return a gain without an interval: nothing varies, or there is one seed or row."""
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
