"""Tells what the test of a study can show, before it is opened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from tuner.data.splits import Holdout
from tuner.evidence.certainty_in_words import certainty_in_words
from tuner.evidence.final.finalists import seed_spread
from tuner.evidence.statistics.certainty import expected_certainty, guessed_components
from tuner.evidence.statistics.comparison import paired_gains
from tuner.evidence.statistics.looks import Plan, Share
from tuner.language import nsaid, said

if TYPE_CHECKING:
    from tuner.case.metric import Metric
    from tuner.data.dataset import LockedSplit
    from tuner.evidence.rounds.race import Race
    from tuner.study.configuration import StudyConfig


@dataclass(frozen=True, slots=True)
class Price:
    """What a test was expected to show before it was opened.

    Attributes:
        smallest: gain that is detected in 80 % of studies, in units of the metric.
        wanted: gain that the race suggests; None if it suggests none.
        looks: number of tests of these rows, including the coming one.
        words: the same in a sentence or two.
    """

    smallest: float | None
    wanted: float | None
    looks: int
    words: str


def price_of_test(config: StudyConfig, found: Race, baseline: int, plan: Plan, tests: int) -> Price:
    """Return what a test can show about the winner, before it is opened.

    Only the test's size and the number of earlier tests are used. For a metric that only many rows
    together have, nothing can be said, because the influence of a row is unknown. When ROC AUC was
    treated as a share of wrong rows, the gains that a test could detect were predicted as three to
    thirteen times too small.

    Args:
        baseline: number of the trial.
        plan: of the looks.
        tests: of the rows, including the coming one.
    """
    test, most = config.dataset.test, plan.models[-1]
    rows = test.units
    if most < 2 or rows < 2:
        words = nsaid(
            "The test has {rows} rows and {seeds} seed.",
            "The test has {rows} rows and {seeds} seeds.",
            most,
            rows=rows,
            seeds=most,
        )
        return Price(None, None, tests, words)
    metric = config.case.metric
    scores = {
        number: [metric.loss(one) for one in own if one is not None]
        for number, own in found.scores.items()
    }
    if metric.rows is None or all(len(own) < 2 for own in scores.values()):
        words = said(
            "What a test can show of {metric} cannot be told before it.", metric=metric.title
        )
        return Price(None, None, tests, words)
    error = fmean(scores[found.winner])
    of_rows = metric.variance_of_rows(error, _rows_held_out(config))
    spread = seed_spread(list(scores.values()), of_rows)
    components = guessed_components(error, spread=metric.spread, seed_spread=spread)
    gains = paired_gains(found.scores[baseline], found.scores[found.winner], metric.direction)
    can = expected_certainty(
        components,
        rows,
        most,
        wanted=fmean(gains),
        share=Share(tests, plan.parts[-1]),
        grouped=test.groups is not None,
        members=None if test.groups is None else test.rows,
    )
    return Price(
        smallest=can.smallest,
        wanted=can.wanted,
        looks=tests,
        words=certainty_in_words(can, metric.write_difference, share=metric.per_cent),
    )


def price_of(
    metric: Metric, score: float, *, test: LockedSplit, plan: Plan, tests: int
) -> str | None:
    """Return what a test of this size can show at best, from the score of the baseline only.

    How much trainings differ is not known yet, so all are taken to be equally good.

    Args:
        score: of the baseline on validation rows.
        test: only its size is used.
        plan: of the looks.
        tests: of the rows, including the coming one.
    """
    rows, seeds = test.units, plan.models[-1]
    error = metric.loss(score)
    if metric.rows is None or rows < 2 or seeds < 2 or not 0 < error < math.inf:
        return None
    if metric.spread is None:  # a row is right or wrong
        error = min(error, 0.5)
    components = guessed_components(error, spread=metric.spread)
    share, grouped = Share(tests, plan.parts[-1]), test.groups is not None
    members = test.rows if grouped else None
    found = expected_certainty(
        components, rows, seeds, share=share, grouped=grouped, members=members
    )
    return certainty_in_words(found, metric.write_difference, share=metric.per_cent)


def _rows_held_out(config: StudyConfig) -> int:
    scheme = config.dataset.validation
    if isinstance(scheme, Holdout):
        return scheme.rows
    return max(1, len(config.dataset.development) // scheme.k)
