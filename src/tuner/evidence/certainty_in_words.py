"""What a test can show, and what would help, in one or two sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.evidence.duration import duration_in_words
from tuner.evidence.statistics.certainty import HOUR
from tuner.evidence.statistics.crossed import FEWEST
from tuner.language import nsaid, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.evidence.statistics.certainty import Certainty


def certainty_in_words(
    found: Certainty, write: Callable[[float], str], *, share: bool = False
) -> str:
    """Return what a test can show, and what would help, in one or two sentences.

    Args:
        found: from `expected_certainty` or `measured_certainty`.
        write: formats a gain with its unit, such as "3.1 points".
        share: whether the metric is a share, which gains less than one.
    """
    if found.smallest is None:
        return said(
            "With {rows} and {seeds} seeds, no gain can be proven: use at least {fewest} seeds.",
            rows=_tested(found.rows, found),
            seeds=found.seeds,
            fewest=FEWEST,
        )
    smallest = write(found.smallest)
    apart = smallest if found.smallest_apart is None else write(found.smallest_apart)
    if apart != smallest:
        return said(
            "With {rows} and {seeds} seeds, a gain under {smallest} will often be missed if all "
            "rows of a group are the same, and one under {apart} if they are as different as any.",
            rows=_tested(found.rows, found),
            seeds=found.seeds,
            smallest=smallest,
            apart=apart,
        )
    if share and found.smallest >= 1:
        small = said(
            "With {rows} and {seeds} seeds, hardly any gain can be proven: the test is too small.",
            rows=_tested(found.rows, found),
            seeds=found.seeds,
        )
        return small if found.wanted is None else f"{small} {_needed(found, write(found.wanted))}"
    lower = min(found.smallest, found.hour_smallest or found.smallest)
    if found.hour_seeds and write(lower) != smallest:  # else the improvement is lost in rounding
        first = _with_more_seeds(found, smallest, write(lower))
    else:
        first = said(
            "With {rows} and {seeds} seeds, a gain under {smallest} will often be missed.",
            rows=_tested(found.rows, found),
            seeds=found.seeds,
            smallest=smallest,
        )
    if found.wanted is None or found.wanted >= found.smallest:
        return first
    return f"{first} {_needed(found, write(found.wanted))}"


def _with_more_seeds(found: Certainty, smallest: str, lower: str) -> str:
    """Return what can be shown now, and after up to one more hour of useful training."""
    seconds, more = found.hour_seconds or 0.0, found.hour_seeds or 1
    told = {
        "rows": _tested(found.rows, found),
        "seeds": found.seeds,
        "smallest": smallest,
        "lower": lower,
    }
    if seconds * (1 + 1 / more) > HOUR:  # one more seed would take longer than an hour
        return nsaid(
            "With {rows} and {seeds} seeds, a gain under {smallest} will often be missed; one more "
            "hour of training, for {more:,} more seed per arm, would lower this to {lower}.",
            "With {rows} and {seeds} seeds, a gain under {smallest} will often be missed; one more "
            "hour of training, for {more:,} more seeds per arm, would lower this to {lower}.",
            more,
            more=more,
            **told,
        )
    return nsaid(
        "With {rows} and {seeds} seeds, a gain under {smallest} will often be missed; {more:,} "
        "more seed per arm, which takes {time} to train, would lower this to {lower}.",
        "With {rows} and {seeds} seeds, a gain under {smallest} will often be missed; {more:,} "
        "more seeds per arm, which take {time} to train, would lower this to {lower}.",
        more,
        more=more,
        time=duration_in_words(seconds),
        **told,
    )


def _needed(found: Certainty, gain: str) -> str:
    """Return how many rows or seeds would show the wanted gain, in words."""
    rows, seeds = found.rows_needed, found.seeds_needed
    of_what = said("groups") if found.grouped else said("rows")
    if rows is not None and seeds is not None:
        return said(
            "To show a gain of {gain}, use {rows} or {seeds:,} seeds.",
            gain=gain,
            rows=_tested(rows, found),
            seeds=seeds,
        )
    if rows is not None:
        return said(
            "To show a gain of {gain}, use {rows}; more seeds alone cannot help enough.",
            gain=gain,
            rows=_tested(rows, found),
        )
    if seeds is not None:
        return said(
            "To show a gain of {gain}, use {seeds:,} seeds; more {of_what} alone cannot help "
            "enough.",
            gain=gain,
            seeds=seeds,
            of_what=of_what,
        )
    return said(
        "To show a gain of {gain}, use both more {of_what} and more seeds.",
        gain=gain,
        of_what=of_what,
    )


def _tested(rows: int, found: Certainty) -> str:
    """Return a number of test rows, or of groups of them, in words."""
    if found.grouped:
        return nsaid(
            "{count:,} group of test rows", "{count:,} groups of test rows", rows, count=rows
        )
    return nsaid("{count:,} test row", "{count:,} test rows", rows, count=rows)
