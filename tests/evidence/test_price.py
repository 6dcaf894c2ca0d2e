"""What a test can show, as predicted before it is opened."""

from __future__ import annotations

from typing import NoReturn

import pytest

from tuner.case.metric import ACCURACY, MAE
from tuner.case.scorers import named
from tuner.data.dataset import LockedSplit
from tuner.evidence.price import price_of
from tuner.evidence.statistics.looks import Plan


def closed() -> NoReturn:
    raise AssertionError("nothing but its size is used")


TEST = LockedSplit(120, closed)
PLAN = Plan.of(1)


def test_it_is_told_of_a_metric_that_single_rows_have() -> None:
    for metric in (ACCURACY, MAE):
        told = price_of(metric, 0.8, test=TEST, plan=PLAN, tests=1)
        assert told is not None
        assert told.startswith("With 120 test rows and 8 seeds, a gain under ")


@pytest.mark.parametrize("name", ["roc_auc", "f1", "balanced_accuracy", "average_precision"])
def test_nothing_is_guessed_of_a_metric_that_only_many_rows_have(name: str) -> None:
    """For ROC AUC, 0.10 was predicted, but the test could then show 0.026."""
    assert price_of(named(name, "classification"), 0.8, test=TEST, plan=PLAN, tests=1) is None
