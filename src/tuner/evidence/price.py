"""The price of certainty in a study: what its test can show, told before it is opened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from tuner.data.splits import Holdout
from tuner.evidence.certainty import before, guess, in_words
from tuner.evidence.comparison import paired_gains
from tuner.evidence.finalists import most_seeds, seed_spread, seeds_to_test

if TYPE_CHECKING:
    from tuner.case.metric import Metric
    from tuner.evidence.race import Race
    from tuner.study.configuration import StudyConfig


@dataclass(frozen=True, slots=True)
class Price:
    """What a test was expected to show before it was opened.

    Attributes:
        smallest: gain that is seen in 80 % of studies, in units of the metric.
        wanted: gain that the race promised; None where it promised none.
        looks: at the test rows, the coming one included.
        words: that in a sentence or two.
    """

    smallest: float | None
    wanted: float | None
    looks: int
    words: str


def plan_test(
    config: StudyConfig,
    found: Race,
    baseline: int,
    fewest: int,
    looks: int,
) -> tuple[int, Price]:
    """Return on how many seeds the arms are tested, and what that can show.

    Nothing of the test is used but its size and how often it was looked at.

    Args:
        baseline: number of the trial.
        fewest: seeds.
        looks: at the test rows, the coming one included.
    """
    rows = config.dataset.test.rows
    if fewest < 2 or rows < 2:
        count = most_seeds(fewest)
        return count, Price(
            None,
            None,
            looks,
            f"The test has {rows} rows and {count} {'seed' if count == 1 else 'seeds'}.",
        )
    metric = config.case.metric
    if metric.perfect is None:
        count = most_seeds(fewest)
        words = f"What a test can show of {metric.title} cannot be told before it."
        return count, Price(None, None, looks, words)
    scores = {
        number: [metric.loss(one) for one in own if one is not None]
        for number, own in found.scores.items()
    }
    error = fmean(scores[found.winner])
    of_rows = metric.variance_of_rows(error, _rows_held_out(config))
    spread = seed_spread(list(scores.values()), of_rows)
    components = guess(error, classes=metric.spread is None, seed_spread=spread)
    gains = paired_gains(found.scores[baseline], found.scores[found.winner], metric.direction)
    promised = fmean(gains)
    count = seeds_to_test(components, promised, rows, fewest, looks)
    can = before(components, rows, count, wanted=promised, looks=looks)
    return count, Price(
        smallest=can.smallest,
        wanted=can.wanted,
        looks=looks,
        words=in_words(can, metric.write_difference),
    )


def price_of(metric: Metric, score: float, *, rows: int, seeds: int, looks: int) -> str | None:
    """Say what a test of this size can show, from the score of the baseline alone.

    Args:
        score: of the baseline on validation rows.
        looks: at the test rows, the coming one included.
    """
    error = metric.loss(score)
    if metric.perfect is None or rows < 2 or seeds < 2 or not 0 < error < math.inf:
        return None
    classes = metric.spread is None  # a row is right or wrong
    components = guess(min(error, 0.5) if classes else error, classes=classes)
    return in_words(before(components, rows, seeds, looks=looks), metric.write_difference)


def _rows_held_out(config: StudyConfig) -> int:
    scheme = config.dataset.validation
    if isinstance(scheme, Holdout):
        return scheme.rows
    return max(1, len(config.dataset.development) // scheme.k)
