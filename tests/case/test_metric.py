from __future__ import annotations

import ast
import math
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, mean_squared_error

import tuner
from tuner.case.metric import (
    ACCURACY,
    EXACT_MATCH,
    JACCARD,
    MACRO_F1,
    MAE,
    METRICS,
    METRICS_OF,
    MSE,
    Metric,
    metric_named,
    scores,
    sign_of,
)
from tuner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def guesses_of(labels: list[int], classes: int = 3) -> Tensor:
    """Return logits of a model that predicts these classes."""
    return torch.nn.functional.one_hot(torch.tensor(labels), classes).float()


CLASSES = torch.tensor([0, 0, 1, 1, 2, 2]), guesses_of([0, 1, 1, 1, 2, 0])
NUMBERS = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[1.5], [2.0], [2.0]])


def macro_f1(truth: list[int], guess: list[int]) -> float:
    return float(f1_score(truth, guess, average="macro"))


@pytest.mark.parametrize(
    ("metric", "rows", "reference"),
    [
        (ACCURACY, CLASSES, accuracy_score),
        (MACRO_F1, CLASSES, macro_f1),
        (MAE, NUMBERS, mean_absolute_error),
        (MSE, NUMBERS, mean_squared_error),
    ],
    ids=lambda value: value.name if isinstance(value, Metric) else "",
)
def test_scores_are_those_of_scikit_learn(
    metric: Metric, rows: tuple[Tensor, Tensor], reference: Callable[..., float]
) -> None:
    targets, outputs = rows
    said = outputs.argmax(dim=1) if metric.per_cent else outputs
    score = metric.score(outputs, targets)
    assert score.shape == ()
    assert score.item() == pytest.approx(reference(targets.tolist(), said.tolist()))


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_a_mean_loss_is_the_mean_of_the_rows_losses(metric: Metric) -> None:
    targets, outputs = CLASSES
    if metric in METRICS_OF["regression"]:
        targets, outputs = NUMBERS
    if metric in (JACCARD, EXACT_MATCH):
        targets = (torch.arange(outputs.numel()).view(outputs.shape) % 3 == 0).long()
    by_row = metric.by_row(outputs, targets)
    if by_row is None:
        assert metric is MACRO_F1
    else:
        assert by_row.shape == (len(targets),)
        loss = metric.loss(metric.score(outputs, targets).item())
        assert by_row.mean().item() == pytest.approx(loss)


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_better_sign_and_loss_agree(metric: Metric) -> None:
    worse, good = sorted((0.2, 0.7), key=lambda score: metric.sign * score)
    assert metric.better(good, worse)
    assert not metric.better(worse, good)
    assert not metric.better(good, good)
    assert not metric.better(math.nan, good)
    assert not metric.better(good, math.nan)
    assert metric.loss(good) < metric.loss(worse)
    assert metric.perfect is not None
    assert metric.loss(metric.perfect) == 0
    assert metric.sign == sign_of(metric.direction)


def test_macro_f1_is_over_the_same_classes_whatever_is_guessed() -> None:
    """Class 2 has no rows: a wrong row costs the same, whichever class is predicted for it."""
    targets = torch.tensor([0] * 50 + [1] * 50)
    by_one = [
        MACRO_F1.score(guesses_of([0] * 50 + [1] * 49 + [wrong]), targets).item()
        for wrong in (0, 2)
    ]
    assert by_one == pytest.approx([0.99, 0.99], abs=0.006)


def test_a_class_that_is_never_guessed_counts_as_nothing_right() -> None:
    targets = torch.tensor([0, 0, 1])
    assert MACRO_F1.score(guesses_of([0, 0, 0]), targets).item() == pytest.approx(0.4)


@pytest.mark.parametrize("wrong", [0, 30, 300])
def test_the_standard_error_of_a_share_is_that_of_a_binomial(wrong: int) -> None:
    found = ACCURACY.standard_error(wrong / 1000, 1000)
    exact = math.sqrt(wrong / 1000 * (1 - wrong / 1000) / 1000)
    assert found == pytest.approx(exact, rel=0.02, abs=0.001)
    assert found > 0


@pytest.mark.parametrize(("metric", "power"), [(MAE, 1), (MSE, 2)])
def test_the_standard_error_of_a_mean_error_is_that_of_normal_errors(
    metric: Metric, power: int
) -> None:
    random = torch.Generator().manual_seed(0)
    losses = torch.randn(100_000, generator=random, dtype=torch.float64).abs() ** power
    found = metric.standard_error(losses.mean().item(), 400)
    assert found == pytest.approx(losses.std().item() / 20, rel=0.02)


def test_how_it_is_written() -> None:
    assert (ACCURACY.factor, ACCURACY.unit, ACCURACY.unit_of_difference) == (100, " %", " points")
    assert (MAE.factor, MAE.unit, MAE.unit_of_difference) == (1, "", "")


def test_a_store_names_its_metric() -> None:
    assert all(metric_named(name) is metric for name, metric in METRICS.items())
    with pytest.raises(StoreError, match="'auc', which this version of tuner does not know"):
        metric_named("auc")


def test_metrics_travel_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(ACCURACY)) == ACCURACY


def test_all_metrics_of_a_task_are_reported() -> None:
    targets, outputs = CLASSES
    found = scores(METRICS_OF["classification"], outputs, targets)
    assert found == pytest.approx({"accuracy": 4 / 6, "macro_f1": (0.5 + 0.8 + 2 / 3) / 3})


@pytest.mark.slow
def test_no_other_module_compares_the_name_of_a_metric() -> None:
    package = Path(tuner.__file__).parent
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(part, ast.Constant) and part.value in METRICS
            for part in (node.left, *node.comparators)
        )
    ]
    assert found == [], "ask the metric: per_cent, sign, unit, of_target"
