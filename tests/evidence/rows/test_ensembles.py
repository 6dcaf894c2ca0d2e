from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tuner.case.metric import ACCURACY, MAE, Metric, Task
from tuner.case.scorers import named
from tuner.data.examples import Examples
from tuner.evidence.rows.ensembles import Ensemble, ensemble_facts, of_each, together

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, WORLDS, NETWORKS = 200, 300, 4
TASKS: dict[Metric, Task] = {ACCURACY: "classification", MAE: "regression"}


def outputs_of(seed: int, networks: int, spread: float) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return list(spread * torch.randn(networks, 5, 3, generator=random))


LOSSES: dict[Task, Callable[[Tensor], Tensor]] = {
    "classification": lambda said: functional.cross_entropy(said, torch.tensor([0, 1, 2, 0, 1])),
    "multilabel": lambda said: functional.binary_cross_entropy_with_logits(
        said, torch.eye(5, 3) + torch.eye(5, 3).roll(1, 1)
    ),
    "regression": lambda said: (said - torch.linspace(-2, 2, 15).reshape(5, 3)).abs().mean(),
}


@pytest.mark.parametrize("task", get_args(Task))
@given(
    seed=st.integers(0, 2**31),
    networks=st.integers(1, 6),
    spread=st.sampled_from([0.1, 1.0, 10.0, 1e3]),
)
def test_the_loss_is_never_larger_than_that_of_a_network_on_average(
    task: Task, seed: int, networks: int, spread: float
) -> None:
    every = outputs_of(seed, networks, spread)
    joint, mean = LOSSES[task](together(every, task)), sum(map(LOSSES[task], every)) / networks
    assert joint <= mean * (1 + 1e-5) + 1e-5


def test_it_says_the_mean_of_probabilities_of_classes_and_labels_and_of_numbers() -> None:
    every = outputs_of(0, 3, 2.0)
    torch.testing.assert_close(
        together(every, "classification").softmax(dim=1),
        torch.stack([one.softmax(dim=1) for one in every]).mean(dim=0),
    )
    torch.testing.assert_close(
        together(every, "multilabel").sigmoid(),
        torch.stack([one.sigmoid() for one in every]).mean(dim=0),
    )
    torch.testing.assert_close(together(every, "regression"), torch.stack(every).mean(dim=0))


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_what_networks_are_very_sure_of_stays_finite(task: Task) -> None:
    sure = torch.tensor([[1e4, -1e4, 0.0]])
    assert together([sure, -sure], task).isfinite().all()
    assert together([sure, sure], task).isfinite().all()


def test_numbers_of_half_precision_are_averaged_in_float32() -> None:
    low, high = (torch.full((1, 1), one, dtype=torch.bfloat16) for one in (256.0, 258.0))
    assert together([low, high], "regression").item() == 257.0


def test_its_networks_are_trained_saved_and_moved_as_those_of_any_module() -> None:
    ensemble = Ensemble((nn.Linear(2, 3), nn.Linear(2, 3)), "classification")
    assert set(ensemble.state_dict()) == {
        f"members.{place}.{name}" for place in (0, 1) for name in ("weight", "bias")
    }
    ensemble(torch.rand(4, 2)).sum().backward()
    assert all(weight.grad is not None for weight in ensemble.parameters())


def test_a_case_that_applies_its_network_itself_applies_each() -> None:
    def doubled(network: nn.Module, rows: Tensor) -> Tensor:
        made: Tensor = 2 * network(rows)
        return made

    networks, rows = (nn.Linear(2, 1), nn.Linear(2, 1)), torch.rand(4, 2)
    ensemble = Ensemble(networks, "regression")
    found = of_each(doubled, "regression")(ensemble, rows)
    torch.testing.assert_close(found, networks[0](rows) + networks[1](rows))
    with pytest.raises(TypeError, match="Linear is no ensemble"):
        of_each(doubled, "regression")(networks[0], rows)


def examples(targets: Tensor) -> Examples:
    return Examples(features=torch.zeros(len(targets), 1), targets=targets)


def test_the_gain_is_that_on_the_mean_of_the_networks_and_its_error_that_of_the_rows() -> None:
    targets = torch.tensor([0, 0, 1, 1])
    one = torch.tensor([[3.0, 0], [3, 0], [0, 3], [3, 0]])  # wrong on the last row
    two = torch.tensor([[3.0, 0], [0, 1], [0, 3], [0, 9]])  # wrong on the second row, weakly
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
    """In worlds whose population of rows is known; each test is a sample of it."""
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
    # 286 of 300 are expected, with a standard deviation of 4.
    assert 270 <= held <= 298
