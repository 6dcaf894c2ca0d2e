from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from tuner.case.metric import ACCURACY, LOG_LOSS, MACRO_F1, MAE, MSE
from tuner.case.scorers import make_metric, named
from tuner.evidence.rows.moments import keep_moments, kept_moments, losses, moments
from tuner.evidence.rows.predictions import Predictions, keep_predictions, keep_targets
from tuner.evidence.statistics.scores import auc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tuner.case.metric import Metric

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(2, size=60)
NUMBERS = RANDOM.normal(size=60)


def said(strength: float, seeds: int = 3) -> Predictions:
    """Predictions of models that know the class better the stronger they are, with some noise."""
    shared = RANDOM.normal(size=60)
    levels = strength * (TRUTH - 0.5) + shared + 0.3 * RANDOM.normal(size=(seeds, 60))
    ones = 1 / (1 + np.exp(-levels))
    shares = np.stack([1 - ones, ones], axis=2)
    return Predictions(tuple(range(seeds)), shares.argmax(axis=2), shares.astype(np.float32))


def numbers(noise: float, seeds: int = 3) -> Predictions:
    values = NUMBERS + noise * RANDOM.normal(size=(seeds, 60))
    return Predictions(tuple(range(seeds)), values.astype(np.float32))


WEAK, STRONG = said(1.0), said(3.0)
ROUGH, FINE = numbers(0.5), numbers(0.2)


def test_the_area_under_the_curve_is_scikit_learns() -> None:
    weights = RANDOM.multinomial(60, np.full(60, 1 / 60), size=20).astype(float)
    whole = WEAK.outputs()
    assert whole is not None
    outputs = np.round(whole, 1)
    found = auc(outputs, TRUTH.astype(float), weights)
    expected = [
        [roc_auc_score(TRUTH, one[:, 1] - one[:, 0], sample_weight=times) for one in outputs]
        for times in weights
    ]
    assert found == pytest.approx(np.array(expected))
    assert np.isnan(auc(outputs, np.ones(60), weights)).all()


@pytest.mark.parametrize("metric", [ACCURACY, LOG_LOSS], ids=lambda one: one.name)
def test_losses_of_classes_are_those_of_the_rows(metric: Metric) -> None:
    found = losses(metric, STRONG, TRUTH)
    assert found is not None
    assert found.shape == (3, 60)
    assert STRONG.probabilities is not None
    expected = (
        (STRONG.values != TRUTH).mean(axis=1)
        if metric == ACCURACY
        else [log_loss(TRUTH, one[:, 1].astype(float)) for one in STRONG.probabilities]
    )
    assert found.mean(axis=1) == pytest.approx(np.array(expected), rel=1e-5)


@pytest.mark.parametrize("metric", [MAE, MSE], ids=lambda one: one.name)
def test_losses_of_numbers_are_those_of_the_rows(metric: Metric) -> None:
    found = losses(metric, FINE, NUMBERS)
    errors = abs(FINE.values.astype(np.float64) - NUMBERS) ** (1 if metric == MAE else 2)
    assert found == pytest.approx(errors)


def test_without_probabilities_there_is_no_loss_that_needs_them() -> None:
    classes = Predictions(STRONG.seeds, STRONG.values)
    assert losses(LOG_LOSS, classes, TRUTH) is None
    assert losses(MACRO_F1, classes, TRUTH) is None
    assert moments(named("roc_auc", "classification"), classes, classes, TRUTH) is None


def cost(truth: NDArray[Any], guess: NDArray[Any]) -> float:
    return float((truth != guess).sum())


CLASSIFIED = [
    named("roc_auc", "classification"),
    named("average_precision", "classification"),
    named("balanced_accuracy", "classification"),
    MACRO_F1,
    make_metric(cost, direction="minimize"),
]
MEASURED = [named(name, "regression") for name in ("r2", "root_mean_squared_error")]


@pytest.mark.slow
@pytest.mark.parametrize("metric", CLASSIFIED + MEASURED, ids=lambda one: one.name)
def test_the_better_arm_has_a_gain_whatever_the_metric(metric: Metric) -> None:
    numeric = metric in MEASURED
    targets = NUMBERS if numeric else TRUTH
    worse, better = (ROUGH, FINE) if numeric else (WEAK, STRONG)
    found = moments(metric, worse, better, targets)
    assert found is not None
    assert found.gain > 0
    assert found.rows == 60
    assert found.differences > 0
    assert found.unseen > 0


def test_a_metric_in_the_targets_units_gets_them() -> None:
    seen = []

    def cheapest(truth: NDArray[Any], guess: NDArray[Any]) -> float:
        seen.append(truth.mean())
        return float(abs(truth - guess).mean())

    metric = make_metric(cheapest, direction="minimize", needs="number")
    plain = moments(metric, ROUGH, FINE, NUMBERS)
    scaled = moments(metric, ROUGH, FINE, NUMBERS, scale=(1000.0, 10.0))
    assert plain is not None
    assert scaled is not None
    assert scaled.gain == pytest.approx(10 * plain.gain)
    assert max(seen) > 900


def test_a_metric_that_mostly_cannot_be_computed_gives_nothing() -> None:
    metric = named("roc_auc", "classification")
    assert moments(metric, WEAK, STRONG, np.ones(60, dtype=np.int64)) is None
    assert moments(metric, said(1.0, seeds=1), STRONG, TRUTH) is None


def test_moments_are_kept_for_a_pair_in_either_order() -> None:
    study = optuna.create_study()
    metric = named("roc_auc", "classification")
    keep_targets(study, "rows", TRUTH)
    keep_predictions(study, 3, WEAK, TRUTH)
    keep_predictions(study, 5, STRONG, TRUTH)
    keep_moments(study, metric, [5, 3])
    attributes = study.user_attrs
    there = kept_moments(attributes, metric, (3, WEAK), (5, STRONG), 60)
    back = kept_moments(attributes, metric, (5, STRONG), (3, WEAK), 60)
    assert there is not None
    assert back is not None
    assert there == moments(metric, WEAK, STRONG, TRUTH)
    assert (back.gain, back.means, back.rest) == (-there.gain, there.means[::-1], there.rest[::-1])
    other = Predictions((9, *WEAK.seeds[1:]), WEAK.values, WEAK.probabilities)
    assert kept_moments(attributes, metric, (3, other), (5, STRONG), 60) is None
    assert kept_moments(attributes, MACRO_F1, (3, WEAK), (5, STRONG), 60) is None
    keep_moments(study, ACCURACY, [5, 3])
    assert kept_moments(study.user_attrs, ACCURACY, (3, WEAK), (5, STRONG), 60) is None
