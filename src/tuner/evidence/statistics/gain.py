"""How much better an arm is than the baseline, and how sure that is."""

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
        standard_error: of the gain, the margin included; None with a single seed or row, or where
            all losses are one number.
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
        """How many rows there were, or groups: what is drawn anew with new data."""
        return self.rows if self.groups is None else self.groups

    @property
    def seed_share(self) -> float | None:
        """Of the variance, what more seeds can take away; with what seeds do on single rows."""
        return None if self.row_share is None else 1 - self.row_share

    @property
    def verdict(self) -> Verdict:
        """Better or worse only where the whole interval says so."""
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
        """Return what two intervals say of a gain.

        Args:
            fewest: models an arm that prove anything; with fewer there is no interval.
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
