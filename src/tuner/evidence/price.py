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
    from collections.abc import Sequence

    from tuner.evidence.components import Components
    from tuner.evidence.race import Race
    from tuner.study.configuration import StudyConfig

SPREAD_OF_ABSOLUTE_ERROR = math.sqrt(math.pi / 2 - 1)  # over its mean, where errors are normal


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
        return count, Price(None, None, looks, f"The test has {rows} rows and {count} seeds.")
    classes = config.case.task == "classification"
    scores = {
        number: [_loss(one, classes=classes) for one in own if one is not None]
        for number, own in found.scores.items()
    }
    error = fmean(scores[found.winner])
    components = guess(
        error, classes=classes, seed_spread=_spread(config, list(scores.values()), error)
    )
    gains = paired_gains(found.scores[baseline], found.scores[found.winner], config.case.direction)
    promised = fmean(gains)
    count = seeds_to_test(components, promised, rows, fewest, looks)
    can = before(components, rows, count, wanted=promised, looks=looks)
    return count, Price(
        smallest=can.smallest,
        wanted=can.wanted,
        looks=looks,
        words=in_words(can, lambda gain: _written(gain, classes=classes)),
    )


def price_of(error: float, *, classes: bool, rows: int, seeds: int, looks: int) -> str | None:
    """Say what a test of this size can show, from the error of the baseline alone.

    Args:
        error: of the baseline on validation rows: share of wrong rows, or mean absolute error.
        looks: at the test rows, the coming one included.
    """
    if rows < 2 or seeds < 2 or not 0 < error < math.inf:
        return None
    components: Components = guess(min(error, 0.5) if classes else error, classes=classes)
    can = before(components, rows, seeds, looks=looks)
    return in_words(can, lambda gain: _written(gain, classes=classes))


def _loss(score: float, *, classes: bool) -> float:
    return 1 - score if classes else score


def _spread(config: StudyConfig, scores: Sequence[Sequence[float]], error: float) -> float:
    """Return the spread of a model's mean loss over seeds, without that of a fold's rows."""
    held_out = _rows_held_out(config)
    if config.case.task == "classification":
        of_rows = error * (1 - error) / held_out
    else:
        of_rows = (SPREAD_OF_ABSOLUTE_ERROR * error) ** 2 / held_out
    return seed_spread(scores, of_rows)


def _rows_held_out(config: StudyConfig) -> int:
    scheme = config.dataset.validation
    if isinstance(scheme, Holdout):
        return scheme.rows
    return max(1, len(config.dataset.development) // scheme.k)


def _written(gain: float, *, classes: bool) -> str:
    return f"{100 * gain:.1f} points" if classes else f"{gain:.2g}"
