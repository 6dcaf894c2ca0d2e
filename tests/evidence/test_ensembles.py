from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tuner.case.metric import ACCURACY, MAE, Metric, Task
from tuner.case.scorers import named
from tuner.data.examples import Examples
from tuner.evidence.ensembles import ensemble_facts
from tuner.training.ensemble import together

ROWS, WORLDS, NETWORKS = 200, 300, 4
TASKS: dict[Metric, Task] = {ACCURACY: "classification", MAE: "regression"}


def examples(targets: Tensor) -> Examples:
    return Examples(features=torch.zeros(len(targets), 1), targets=targets)


def test_the_gain_is_that_on_the_mean_of_the_networks_and_its_error_that_of_the_rows() -> None:
    targets = torch.tensor([0, 0, 1, 1])
    one = torch.tensor([[3.0, 0], [3, 0], [0, 3], [3, 0]])  # wrong on the last row
    two = torch.tensor([[3.0, 0], [0, 1], [0, 3], [0, 9]])  # wrong on the second, and less sure
    found = ensemble_facts(
        [ACCURACY],
        together([one, two], "classification"),
        [one, two],
        examples(targets),
        None,
    )
    assert found is not None
    assert found["scores"] == {"accuracy": 1.0}
    assert found["gain"] == 0.25
    gains = torch.tensor([0, 0.5, 0, 0.5])
    assert found["standard_error"] == pytest.approx(gains.std().item() / 2)


def test_numbers_are_scored_in_the_units_of_each_metric() -> None:
    targets = torch.tensor([[0.0], [1.0]])
    low, high = targets - 1, targets + 1
    found = ensemble_facts(
        [MAE], together([low, high], "regression"), [low, high], examples(targets), None
    )
    assert found == {"scores": {"mae": 0.0}, "gain": 1.0, "standard_error": 0.0}


def test_one_model_is_no_ensemble() -> None:
    one = torch.zeros(4, 2)
    test = examples(torch.tensor([0, 1, 0, 1]))
    assert ensemble_facts([ACCURACY], one, [one], test, None) is None


def test_a_metric_without_a_loss_a_row_has_a_gain_and_no_error() -> None:
    auc = named("roc_auc", "classification")
    targets = torch.tensor([0, 1, 0, 1])
    right = torch.tensor([[2.0, 0], [0, 2], [2, 0], [0, 2]])
    wrong = torch.zeros(4, 2)
    found = ensemble_facts(
        [auc], together([right, wrong], "classification"), [right, wrong], examples(targets), None
    )
    assert found is not None
    assert found["scores"] == {"roc_auc": 1.0}
    assert found["gain"] == pytest.approx(0.25)
    assert found["standard_error"] is None


@pytest.mark.parametrize("metric", [ACCURACY, MAE])
def test_two_standard_errors_hold_the_gain_over_all_rows_19_times_in_20(metric: Metric) -> None:
    """Worlds of a population of rows that is known whole; each test is a draw from it."""
    random = torch.Generator().manual_seed(0)
    rows, task = 20_000, TASKS[metric]
    if metric is ACCURACY:
        targets = torch.randint(0, 3, (rows,), generator=random)
        signal = torch.nn.functional.one_hot(targets, 3).float()
        noise = torch.randn(rows, 3, generator=random)
    else:
        targets = torch.randn(rows, 1, generator=random)
        signal, noise = targets, 0.3 * torch.randn(rows, 1, generator=random)
    alone = [signal + noise + torch.randn(signal.shape, generator=random) for _ in range(NETWORKS)]
    joint = together(alone, task)
    truth = ensemble_facts([metric], joint, alone, examples(targets), None)
    assert truth is not None
    held = 0
    for _ in range(WORLDS):
        drawn = torch.randint(0, rows, (ROWS,), generator=random)
        found = ensemble_facts(
            [metric], joint[drawn], [one[drawn] for one in alone], examples(targets[drawn]), None
        )
        assert found is not None
        held += abs(found["gain"] - truth["gain"]) <= 2 * found["standard_error"]
    # Of 300, 286 are expected, give or take 4.
    assert 270 <= held <= 298
