from __future__ import annotations

import math

import pytest

from tuner.case.figures import mean_text, score_text
from tuner.commands.tables import summary_text


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.98765432, "0.9877"),
        (-0.5, "-0.5000"),
        (0.0, "0.0000"),
        (0.012345, "0.0123"),
        (0.0012345, "0.00123"),
        (0.000012345, "0.0000123"),
        (3.21e-9, "3.21e-09"),
        (99.123456, "99.1235"),
        (12345.678, "12345.7"),
        (123456789.0, "123456789"),
        (math.inf, "inf"),
    ],
)
def test_a_score_keeps_the_digits_that_tell(score: float, text: str) -> None:
    assert score_text(score) == text


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (0.9333, 0.0125, "0.9333 ± 0.0125"),
        (0.0000412, 0.0000021, "0.0000412 ± 0.0000021"),
        (2e-8, 1e-9, "2e-08 ± 1e-09"),
        (0.5, 1e-9, "0.5000 ± 1e-09"),
        (0.5, 0.0, "0.5000 ± 0.0000"),
        (0.0, 0.0, "0.0000 ± 0.0000"),
    ],
)
def test_a_mean_is_as_fine_as_its_deviation(mean: float, deviation: float, text: str) -> None:
    assert mean_text(mean, deviation) == text
    summary = {"mean": mean, "std": deviation, "n": 3}
    assert summary_text(summary) == f"{text} (n = 3)"
