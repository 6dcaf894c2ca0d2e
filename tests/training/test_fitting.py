from __future__ import annotations

import itertools
import random
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.made_up import made_up
from tests.making import STAMPS, TINY
from tests.sampling import one_in
from tuner.case.loading import load_case
from tuner.case.metric import BRIER
from tuner.data.scaling import Scaler
from tuner.data.sources.folders import Folders
from tuner.data.splits import Fold, KFold, everything, folds
from tuner.errors import DivergedError, TrainingError
from tuner.training.fitting import ReportPoint, fit
from tuner.training.learner import make_learners
from tuner.training.plan import Plan
from tuner.training.step import make_trainers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tuner.case.contract import Case, Shape
    from tuner.data.dataset import Dataset
    from tuner.training.inference import Fitted
    from tuner.training.step import Trainer

TINY_CASE = load_case(TINY)
HOUSING = load_case("housing")


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    return TINY_CASE.load(Folders())


@pytest.fixture(scope="module")
def housing() -> Dataset:
    return HOUSING.load(Folders())


def run(*arguments: Any, **options: Any) -> tuple[list[ReportPoint], tuple[Fitted, ...]]:
    """Return all points of a fit, and its models."""
    points, running = [], fit(*arguments, **options)
    while True:
        try:
            points.append(next(running))
        except StopIteration as end:
            return points, end.value


def trainers_of(
    case: Case, data: Dataset, parts: Sequence[Fold], hyperparameters: Any = None
) -> list[Trainer]:
    """Return trainers before their first step."""
    chosen = hyperparameters or case.baseline
    learners = make_learners(case, chosen, data, parts, list(range(1, len(parts) + 1)))
    return make_trainers(case, chosen, data, learners, Plan())


def trainer_of(data: Dataset, hyperparameters: Any) -> Trainer:
    """Return the single trainer of three folds of the tiny case."""
    (only,) = trainers_of(TINY_CASE, data, three_folds(data), hyperparameters)
    return only


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
    trainer = trainer_of(tiny, hyperparameters)
    seen = []
    for _ in range(4):
        trainer.train(trainer.shuffled())
        seen.append(trainer.optimizer.param_groups[0]["lr"])
        trainer.end_epoch()
    assert seen == pytest.approx(expected)


def test_one_cycle_rises_and_falls_to_nothing(tiny: Dataset) -> None:
    cycle = replace(TINY_CASE.baseline, epochs=10, one_cycle=True)
    trainer = trainer_of(tiny, cycle)
    rates = []
    for _ in range(10):
        for batch in trainer.shuffled():
            rates.append(trainer.optimizer.param_groups[0]["lr"])
            trainer.train([batch])
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(1e-3, rel=0.01)
    assert top == pytest.approx(0.2 * len(rates), abs=1)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 1e-8


def test_divergence_is_an_error_of_tuner(housing: Dataset) -> None:
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


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "roc_auc_ovr", "log_loss"])
def test_a_metric_that_counts_classes_has_a_surrogate_that_is_told_beside_it(metric: str) -> None:
    case = load_case(STAMPS).scored_by(metric)
    data = case.load(Folders())
    parts = folds(data.development, KFold(3), 0)[:2]
    points, models = run(case, replace(case.baseline, epochs=2), data, parts, 0, Plan())
    rows = data.development
    outputs = [
        (model.outputs(rows.features[fold.validation], Plan()), rows.targets[fold.validation])
        for model, fold in zip(models, parts, strict=True)
    ]
    counts = metric in ("accuracy", "balanced_accuracy")
    distances = [BRIER.score(*pair).item() for pair in outputs] if counts else []
    assert points[-1].fold_surrogates == pytest.approx(distances)
    assert points[-1].fold_scores == pytest.approx(
        [case.metric.score(*pair).item() for pair in outputs]
    )


CHANGES: list[dict[str, Any]] = [
    {"dropout": 0.3, "batch_norm": False, "activation": "gelu"},
    {"depth": 1, "taper": False},
    {"width": 16},
    {"weight_decay": 1e-1, "optimizer": "adamw"},
    {"dropout": 0.3},
    {"one_cycle": True},
    {"step_lr": True, "step_size": 1, "gamma": 0.3},
    *({"activation": activation} for activation in ("relu", "silu", "gelu", "tanh")),
    {"batch_norm": False},
    {"learning_rate": 1e-2},
    {"weight_decay": 1e-1},
    {"batch_size": 128},
    {"epochs": 5},
]


@pytest.mark.parametrize("changes", one_in(6, CHANGES), ids=repr)
def test_a_stacked_member_trains_as_it_would_alone(
    housing: Dataset, changes: dict[str, Any]
) -> None:
    """With any hyperparameters: each member has the batches and the dropout of its own seed."""
    parts, seeds = folds(housing.development, housing.validation, 0), [5, 6, 7, 8, 9]
    hyperparameters = replace(HOUSING.recipe, epochs=2, early_stopping=False)
    hyperparameters = replace(hyperparameters, **changes)
    last = hyperparameters.epochs  # its weights are kept, not those of the best mean score
    together, stacked = run(HOUSING, hyperparameters, housing, parts, seeds, Plan(), last)
    for place, (part, seed) in enumerate(zip(parts, seeds, strict=True)):
        alone, (single,) = run(HOUSING, hyperparameters, housing, [part], seed, Plan(), last)
        for one, other in zip(together, alone, strict=True):
            assert one.fold_scores[place] == pytest.approx(other.fold_scores[0], rel=2e-2)
        rows = housing.development.features[:50]
        difference = stacked[place].outputs(rows, Plan()) - single.outputs(rows, Plan())
        assert difference.abs().max() < 5e-2


def test_a_stack_is_one_trainer_and_folds_of_other_sizes_are_another(tiny: Dataset) -> None:
    rows = torch.arange(60)
    parts = [Fold(rows[:40], rows[40:]), Fold(rows[:39], rows[39:]), Fold(rows[20:], rows[:20])]
    trainers = trainers_of(TINY_CASE, tiny, parts)
    places = [[learner.place for learner in trainer.learners] for trainer in trainers]
    assert places == [[0, 2], [1]]
    (*_, last), models = run(TINY_CASE, TINY_CASE.baseline, tiny, parts, [1, 2, 3], Plan())
    for place in range(3):
        (*_, alone), _ = run(
            TINY_CASE, TINY_CASE.baseline, tiny, [parts[place]], [place + 1], Plan()
        )
        assert last.fold_scores[place] == pytest.approx(alone.fold_scores[0])
    assert len(models) == 3


def test_folds_of_images_are_trainers_of_their_own() -> None:
    mnist, data = load_case("mnist"), made_up("mnist")
    parts = folds(data.development, data.validation, 0)
    trainers = trainers_of(mnist, data, parts)
    assert [len(trainer.learners) for trainer in trainers] == [1, 1]


@pytest.mark.parametrize(
    ("rows", "batch_size", "sizes"),
    [
        (33, 16, [16, 16]),
        (34, 16, [16, 16, 2]),
        (16, 16, [16]),
        (1, 16, [1]),
        (3, 1, [1, 1, 1]),
        (1, 1, [1]),
    ],
)
def test_a_last_batch_that_is_left_with_one_row_is_left_out(
    tiny: Dataset, rows: int, batch_size: int, sizes: list[int]
) -> None:
    part = Fold(torch.arange(rows), torch.arange(40, 60))
    hyperparameters = replace(TINY_CASE.baseline, batch_size=batch_size, epochs=2)
    (trainer,) = trainers_of(TINY_CASE, tiny, [part], hyperparameters)
    assert [batch.shape for batch in trainer.shuffled()] == [(1, size) for size in sizes]
    points, _ = run(TINY_CASE, hyperparameters, tiny, [part], 0, Plan())
    assert len(points) == 2


def test_batches_of_one_row_and_batch_norm_do_not_go_together(tiny: Dataset) -> None:
    single = replace(TINY_CASE.baseline, batch_size=1, batch_norm=True)
    with pytest.raises(TrainingError, match=r"BatchNorm .* one row, .* batch_size of 2 or more"):
        run(TINY_CASE, single, tiny, three_folds(tiny), 0, Plan())


def test_the_training_loss_is_the_mean_over_folds_of_other_sizes(tiny: Dataset) -> None:
    rows = torch.arange(60)
    parts = [Fold(rows[:40], rows[40:]), Fold(rows[20:], rows[:20]), Fold(rows[:20], rows[20:])]
    (together, *_), _ = run(TINY_CASE, TINY_CASE.baseline, tiny, parts, [1, 2, 3], Plan())
    alone = [
        run(TINY_CASE, TINY_CASE.baseline, tiny, [part], [seed], Plan())[0][0]
        for seed, part in enumerate(parts, start=1)
    ]
    assert together.train_loss == pytest.approx(sum(point.train_loss for point in alone) / 3)
    assert together.train_metric == pytest.approx(sum(point.train_metric for point in alone) / 3)


def seeding(case: Case, seed: Callable[[], object]) -> Case:
    """Return the case with a `build` that seeds a generator, as many scripts do."""

    def build(hyperparameters: Any, shape: Shape) -> nn.Module:
        seed()
        return case.build(hyperparameters, shape)

    return replace(case, build=build)


SEEDINGS: dict[str, Callable[[], object]] = {
    "torch": lambda: torch.manual_seed(0),
    "the generator itself": lambda: torch.default_generator.manual_seed(0),
    "a stored state": lambda: torch.set_rng_state(torch.Generator().manual_seed(99).get_state()),
}


@pytest.mark.parametrize("name", SEEDINGS)
def test_a_build_that_seeds_torch_leaves_batches_and_dropout_to_the_seed(
    tiny: Dataset, name: str
) -> None:
    case = seeding(TINY_CASE, SEEDINGS[name])
    for case_alone in (case, replace(case, augment=lambda features, *_: features)):
        dropping = replace(TINY_CASE.baseline, dropout=0.3)
        made = [
            make_learners(case_alone, dropping, tiny, three_folds(tiny), seed) for seed in (1, 2)
        ]
        streams = [learner.random.initial_seed() for learners in made for learner in learners]
        assert len(set(streams)) == 6, "each fold of each seed has a stream of its own"
        states = []
        for seed in (1, 1, 2):
            make_learners(case_alone, dropping, tiny, three_folds(tiny), seed)
            states.append(torch.rand(3).tolist())
        assert states[0] == states[1] != states[2]
        one, same, other = (
            run(case_alone, dropping, tiny, three_folds(tiny), seed, Plan())[0]
            for seed in (1, 1, 2)
        )
        assert one == same != other


def test_a_build_that_draws_from_other_generators_is_repeatable(tiny: Dataset) -> None:
    def build(hyperparameters: Any, shape: Shape) -> nn.Module:
        network = TINY_CASE.build(hyperparameters, shape)
        first = next(network.parameters())
        first.data.fill_(random.random() + float(np.random.rand()))
        return network

    case = replace(TINY_CASE, build=build)
    one, same, other = (
        run(case, TINY_CASE.baseline, tiny, three_folds(tiny), seed, Plan())[0]
        for seed in (1, 1, 2)
    )
    assert one == same != other


class Squeezed(nn.Sequential):
    def forward(self, rows: Tensor) -> Tensor:
        for layer in self:
            rows = layer(rows)
        return rows.squeeze(-1)


@pytest.mark.parametrize(
    ("reference", "network", "message"),
    [
        (
            "housing",
            Squeezed(nn.Linear(10, 1)),
            r"returns shape \(32,\) for a batch of 32 rows.*last dim",
        ),
        (
            "housing",
            nn.Sequential(nn.Linear(10, 2)),
            r"shape \(32, 2\) for a batch.*return \(32, 1\)$",
        ),
        (TINY, nn.Linear(2, 3), r"shape \(16, 3\) for a.*; it has to return \(16, 2\)$"),
        (TINY, nn.LSTM(2, 2), "returns tuple; it has to return one tensor"),
    ],
)
def test_outputs_of_another_shape_are_refused(
    reference: str, network: nn.Module, message: str
) -> None:
    case = load_case(reference)
    data = case.load(Folders())
    broken = replace(case, build=lambda *_: deepcopy(network))
    parts = folds(data.development, data.validation, 0)
    with pytest.raises(TrainingError, match=message):
        run(broken, case.baseline, data, parts, 0, Plan())


def test_an_optimizer_that_is_not_known_is_named(tiny: Dataset) -> None:
    other = replace(TINY_CASE.baseline, optimizer="sgd")
    with pytest.raises(
        TrainingError, match="optimizer is 'sgd'; the trainer knows 'adam', 'adamw' and 'muon'"
    ):
        run(TINY_CASE, other, tiny, three_folds(tiny), 0, Plan())


def test_bfloat16_and_channels_last_train_too() -> None:
    mnist, data = load_case("mnist"), made_up("mnist")
    parts = folds(data.development, data.validation, 0)
    plan = Plan(precision="bfloat16", channels_last=True)
    short = replace(mnist.recipe, epochs=1)
    points, _ = run(mnist, short, data, parts, 0, plan)
    exact, _ = run(mnist, short, data, parts, 0, Plan())
    assert points[-1].train_loss == pytest.approx(exact[-1].train_loss, rel=0.1)
    assert points != exact
