"""Numbers in the form in which a report writes them."""

from __future__ import annotations

import pytest

from tuner.case.metric import reported_metric
from tuner.report.wording import means_and_stds


@pytest.mark.parametrize(
    ("means", "written"),
    [
        ([15.2528, 14.3791], ["15.25", "14.38"]),
        ([1200.5, 1200.25], ["1200.50", "1200.25"]),
        ([1.0, 1.0], ["1.0", "1.0"]),
        ([900.0, 20.0], ["900", "20"]),
    ],
)
def test_single_scores_that_differ_are_written_so_that_they_do(
    means: list[float], written: list[str]
) -> None:
    metric = reported_metric("score", "minimize")
    assert means_and_stds(metric, [{"mean": mean, "std": None} for mean in means]) == written
