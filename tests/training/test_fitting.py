from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tests.case.test_contract import made_up
from tests.making import TINY
from tuner.case.loading import load_case
from tuner.case.metric import ACCURACY
from tuner.data.scaling import Scaler
from tuner.data.sources.folders import Folders
from tuner.data.splits import Fold, KFold, everything, folds
from tuner.errors import DivergedError
from tuner.training.fitting import ReportPoint, fit
from tuner.training.plan import Plan
from tuner.training.stacking import can_stack
from tuner.training.step import Group, make_groups

if TYPE_CHECKING:
    from tuner.data.dataset import Dataset
    from tuner.training.inference import Fitted

TINY_CASE = load_case(TINY)
HOUSING = load_case("housing")


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    return TINY_CASE.load(Folders())


@pytest.fixture(scope="module")
def housing() -> Dataset:
    return HOUSING.load(Folders())


def run(*arguments: Any, **options: Any) -> tuple[list[ReportPoint], tuple[Fitted, ...]]:
    """All points of a fit, and its models."""
    points, running = [], fit(*arguments, **options)
    while True:
        try:
            points.append(next(running))
        except StopIteration as end:
            return points, end.value


def three_folds(data: Dataset) -> tuple[Fold, ...]:
    return folds(data.development, KFold(3), 0)


def test_the_baseline_learns(tiny: Dataset) -> None:
    longer = replace(TINY_CASE.baseline, epochs=30, learning_rate=0.03)
    points, models = run(TINY_CASE, longer, tiny, three_folds(tiny), 0, Plan())
    assert [point.step for point in points] == list(range(1, 31))
    assert points[-1].train_loss < 0.6 * points[0].train_loss
    assert points[-1].validation is not None
    assert points[-1].validation > 0.75
    assert len(models) == len(points[-1].fold_scores) == 3
    assert all(later.work > point.work for point, later in itertools.pairwise(points))


def test_the_kept_weights_give_the_best_score(tiny: Dataset) -> None:
    parts = three_folds(tiny)
    noisy = replace(TINY_CASE.baseline, epochs=12, learning_rate=0.5)
    points, models = run(TINY_CASE, noisy, tiny, parts, 1, Plan())
    scores = [point.validation or 0.0 for point in points]
    assert scores.index(max(scores)) != len(scores) - 1, "the last is best: this shows nothing"
    best = points[scores.index(max(scores))]
    for model, fold, expected in zip(models, parts, best.fold_scores, strict=True):
        rows = tiny.development
        outputs = model.outputs(rows.features[fold.validation], Plan())
        assert ACCURACY.score(outputs, rows.targets[fold.validation]).item() == expected


def test_early_stopping_waits_for_its_patience(tiny: Dataset) -> None:
    stuck = replace(TINY_CASE.baseline, epochs=50, learning_rate=1e-12, early_stopping=True)
    points, _ = run(TINY_CASE, replace(stuck, patience=3), tiny, three_folds(tiny), 0, Plan())
    assert len(points) == 4


def test_stop_after_ends_sooner_on_the_same_way(tiny: Dataset) -> None:
    parts, cycle = three_folds(tiny), replace(TINY_CASE.baseline, epochs=6, one_cycle=True)
    whole, _ = run(TINY_CASE, cycle, tiny, parts, 0, Plan())
    cut, _ = run(TINY_CASE, cycle, tiny, parts, 0, Plan(), stop_after=2)
    assert cut == whole[:2]


def test_without_validation_the_last_weights_are_kept(tiny: Dataset) -> None:
    points, (model,) = run(
        TINY_CASE, TINY_CASE.baseline, tiny, everything(tiny.development), 0, Plan()
    )
    assert [point.validation for point in points] == [None] * 4
    assert points[-1].fold_scores == ()
    assert isinstance(model.model, nn.Sequential)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [1e-3, 1e-3, 1e-3, 1e-3]),
        ({"step_lr": True, "step_size": 2, "gamma": 0.1}, [1e-3, 1e-3, 1e-4, 1e-4]),
    ],
)
def test_the_learning_rate_follows_its_schedule(
    tiny: Dataset, changes: dict[str, Any], expected: list[float]
) -> None:
    hyperparameters = replace(TINY_CASE.baseline, **changes)
    (group,) = make_groups(TINY_CASE, hyperparameters, tiny, three_folds(tiny), Plan())
    seen = []
    for _ in range(4):
        group.train(group.shuffled())
        seen.append(group.optimizer.param_groups[0]["lr"])
        group.end_epoch()
    assert seen == pytest.approx(expected)


def test_one_cycle_rises_and_falls_to_nothing(tiny: Dataset) -> None:
    cycle = replace(TINY_CASE.baseline, epochs=10, one_cycle=True)
    (group,) = make_groups(TINY_CASE, cycle, tiny, three_folds(tiny), Plan())
    rates = []
    for _ in range(10):
        for batch in group.shuffled():
            rates.append(group.optimizer.param_groups[0]["lr"])
            group.train([batch])
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(1e-3, rel=0.01)
    assert top == pytest.approx(0.2 * len(rates), abs=1)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 1e-8


def test_divergence_is_an_error_of_ours(housing: Dataset) -> None:
    wild = replace(HOUSING.baseline, learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"(loss|score) is (nan|inf) at epoch"):
        run(HOUSING, wild, housing, three_folds(housing), 0, Plan())


def test_several_points_an_epoch(tiny: Dataset) -> None:
    often = replace(TINY_CASE, points_per_epoch=2)
    points, _ = run(often, TINY_CASE.baseline, tiny, three_folds(tiny), 0, Plan())
    assert [point.epoch for point in points] == [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert [point.ends_epoch for point in points] == [False, True] * 4


def test_more_points_than_batches_are_as_many_as_batches(tiny: Dataset) -> None:
    often = replace(TINY_CASE, points_per_epoch=100)
    one_batch = replace(TINY_CASE.baseline, batch_size=20, epochs=1)
    points, _ = run(often, one_batch, tiny, three_folds(tiny), 0, Plan())
    assert len(points) == 2  # 40 training rows


def test_scalers_are_fitted_on_the_training_part_of_each_fold(housing: Dataset) -> None:
    parts = three_folds(housing)
    _, models = run(HOUSING, replace(HOUSING.baseline, epochs=1), housing, parts, 0, Plan())
    for model, fold in zip(models, parts, strict=True):
        rows = housing.development
        for scaler, values in ((model.features, rows.features), (model.targets, rows.targets)):
            expected = Scaler.fit(values[fold.training])
            assert torch.equal(scaler.mean, expected.mean)
            assert torch.equal(scaler.std, expected.std)
            assert not torch.equal(scaler.mean, Scaler.fit(values).mean)


CHANGES: list[dict[str, Any]] = [
    {"depth": 1, "taper": False},
    {"width": 16},
    *({"activation": activation} for activation in ("relu", "silu", "gelu", "tanh")),
    {"batch_norm": False},
    {"dropout": 0.3},
    {"dropout": 0.3, "batch_norm": False},
    {"learning_rate": 1e-2},
    {"weight_decay": 1e-1},
    {"weight_decay": 1e-1, "optimizer": "adamw"},
    {"batch_size": 128},
    {"epochs": 5},
    {"step_lr": True, "step_size": 1, "gamma": 0.3},
    {"one_cycle": True},
]


@pytest.mark.parametrize("changes", CHANGES, ids=repr)
def test_a_stacked_member_trains_as_it_would_alone(
    housing: Dataset, changes: dict[str, Any]
) -> None:
    """Whatever the hyperparameters: each member has the batches and the dropout of its own seed."""
    parts, seeds = folds(housing.development, housing.validation, 0), [5, 6, 7, 8, 9]
    hyperparameters = replace(HOUSING.recipe, epochs=2, early_stopping=False)
    hyperparameters = replace(hyperparameters, **changes)
    last = hyperparameters.epochs  # the weights kept are those of it, not of the best mean score
    together, stacked = run(HOUSING, hyperparameters, housing, parts, seeds, Plan(), last)
    for place, (part, seed) in enumerate(zip(parts, seeds, strict=True)):
        alone, (single,) = run(HOUSING, hyperparameters, housing, [part], seed, Plan(), last)
        for one, other in zip(together, alone, strict=True):
            assert one.fold_scores[place] == pytest.approx(other.fold_scores[0], rel=2e-2)
        rows = housing.development.features[:50]
        difference = stacked[place].outputs(rows, Plan()) - single.outputs(rows, Plan())
        assert difference.abs().max() < 5e-2


def test_a_stack_is_one_group_and_folds_of_other_sizes_are_another(tiny: Dataset) -> None:
    rows = torch.arange(60)
    parts = [Fold(rows[:40], rows[40:]), Fold(rows[:39], rows[39:]), Fold(rows[20:], rows[:20])]
    groups = make_groups(TINY_CASE, TINY_CASE.baseline, tiny, parts, Plan(), [1, 2, 3])
    assert [[member.place for member in group.members] for group in groups] == [[0, 2], [1]]
    (*_, last), models = run(TINY_CASE, TINY_CASE.baseline, tiny, parts, [1, 2, 3], Plan())
    for place in range(3):
        (*_, alone), _ = run(
            TINY_CASE, TINY_CASE.baseline, tiny, [parts[place]], [place + 1], Plan()
        )
        assert last.fold_scores[place] == pytest.approx(alone.fold_scores[0])
    assert len(models) == 3


def test_what_is_not_plain_is_not_stacked() -> None:
    assert can_stack(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU()))
    assert not can_stack(nn.Sequential(nn.Linear(2, 3, bias=False)))
    assert not can_stack(nn.Sequential(nn.Linear(2, 3), nn.Dropout(1.0)))
    assert not can_stack(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)))
    assert not can_stack(nn.Linear(2, 3))


def test_folds_of_images_are_groups_of_their_own() -> None:
    mnist, data = load_case("mnist"), made_up("mnist")
    parts = folds(data.development, data.validation, 0)
    groups = make_groups(mnist, mnist.baseline, data, parts, Plan())
    assert [len(group.members) for group in groups] == [1, 1]


def test_a_last_batch_of_one_row_is_left_out(tiny: Dataset) -> None:
    alone = Fold(torch.arange(33), torch.arange(33, 60))
    (group,) = make_groups(TINY_CASE, TINY_CASE.baseline, tiny, [alone], Plan())
    assert isinstance(group, Group)
    assert [batch.shape for batch in group.shuffled()] == [(1, 16), (1, 16)]


def test_bfloat16_and_channels_last_train_too() -> None:
    mnist, data = load_case("mnist"), made_up("mnist")
    parts = folds(data.development, data.validation, 0)
    plan = Plan(precision="bfloat16", channels_last=True)
    short = replace(mnist.recipe, epochs=1)
    points, _ = run(mnist, short, data, parts, 0, plan)
    exact, _ = run(mnist, short, data, parts, 0, Plan())
    assert points[-1].train_loss == pytest.approx(exact[-1].train_loss, rel=0.1)
    assert points != exact
