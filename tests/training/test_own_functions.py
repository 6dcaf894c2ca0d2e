"""Cases with their own loss, optimizer or step, with class weights, and with raw features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from tests.cases.tiny import TinyHyperparameters
from tests.making import TINY
from tests.training.test_fitting import run, three_folds
from tuner import Batch, Case, Examples, KFold, Optimization, make_dataset
from tuner.case.loading import load_case
from tuner.data import cache
from tuner.data.sources.folders import Folders
from tuner.errors import CaseError, DataError, TrainingError
from tuner.training.fitting import fit
from tuner.training.learner import make_learners
from tuner.training.networks import gather
from tuner.training.plan import Plan
from tuner.training.rehearsal import rehearse
from tuner.training.step import make_trainers

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tuner import Dataset

TINY_CASE = load_case(TINY)
TINY_DATA = TINY_CASE.load(Folders())
WORDS = load_case(str(Path(TINY).with_name("words.py")))
WORDS_DATA = WORDS.dataset(Folders())


def plain_loss(outputs: Tensor, targets: Tensor, _hyperparameters: Any) -> Tensor:
    return functional.cross_entropy(outputs, targets)


def plain_adam(model: nn.Module, hyperparameters: Any, _steps: int) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=hyperparameters.learning_rate, fused=True)


def plain_step(model: nn.Module, batch: Batch) -> tuple[Tensor | None, Tensor]:
    outputs = model(batch.features)
    if batch.targets is None:
        return None, outputs
    return functional.cross_entropy(outputs, batch.targets), outputs


def layered(hyperparameters: Any, shape: Any) -> nn.Module:
    """A network that is not stacked."""
    return nn.Sequential(TINY_CASE.build(hyperparameters, shape), nn.Identity())


@pytest.mark.parametrize(
    "own",
    [{"loss": plain_loss}, {"optimizer": plain_adam}, {"step": plain_step}],
    ids=lambda own: next(iter(own)),
)
def test_a_function_that_does_the_same_gives_the_same_bit_for_bit(own: dict[str, Any]) -> None:
    case = replace(TINY_CASE, build=layered)
    expected, models = run(case, case.baseline, TINY_DATA, three_folds(TINY_DATA), 0, Plan())
    points, again = run(
        replace(case, **own), case.baseline, TINY_DATA, three_folds(TINY_DATA), 0, Plan()
    )
    assert points == expected
    for one, other in zip(models, again, strict=True):
        for mine, theirs in zip(one.model.parameters(), other.model.parameters(), strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", ["loss", "optimizer", "step"])
def test_networks_with_a_function_of_the_users_are_not_stacked(name: str) -> None:
    functions: dict[str, Any] = {"loss": plain_loss, "optimizer": plain_adam, "step": plain_step}
    case: Case = replace(TINY_CASE, **{name: functions[name]})
    learners = make_learners(case, case.baseline, TINY_DATA, three_folds(TINY_DATA), [1, 2, 3])
    assert len(gather(learners, TINY_DATA, case)) == 3
    assert len(gather(learners, TINY_DATA, TINY_CASE)) == 1


def test_sentences_are_learnt() -> None:
    longer = replace(WORDS.baseline, epochs=30)
    points, (fitted, *_) = run(WORDS, longer, WORDS_DATA, three_folds(WORDS_DATA), 0, Plan())
    assert points[-1].validation is not None
    assert points[-1].validation > 0.8
    outputs = fitted.outputs(WORDS_DATA.development.features, Plan())
    assert outputs.shape == (90, 2)
    assert points[-1].work > 0


def test_a_case_of_ones_own_functions_is_rehearsed_and_its_seed_matters() -> None:
    assert rehearse(WORDS, WORDS_DATA, Plan()).seed_matters == "weights"


def test_a_scheduler_steps_each_batch_or_each_epoch() -> None:
    rates: list[float] = []

    def optimizer(model: nn.Module, hyperparameters: Any, steps: int) -> Optimization:
        adam = torch.optim.Adam(model.parameters(), lr=0.1)
        total = steps * hyperparameters.epochs
        one_cycle = OneCycleLR(adam, max_lr=0.1, total_steps=total)
        return Optimization(optimizer=adam, each_batch=one_cycle)

    case = replace(TINY_CASE, optimizer=optimizer)
    learners = make_learners(case, case.baseline, TINY_DATA, three_folds(TINY_DATA)[:1], 0)
    (trainer,) = make_trainers(case, case.baseline, TINY_DATA, learners, Plan())
    for _ in range(case.baseline.epochs):
        trainer.train(trainer.shuffled())
        trainer.end_epoch()
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert rates[-1] < rates[0]


def detached(outputs: Tensor, targets: Tensor, _hyperparameters: Any) -> Tensor:
    return functional.cross_entropy(outputs.detach(), targets)


def by_row(outputs: Tensor, targets: Tensor, _hyperparameters: Any) -> Tensor:
    return functional.cross_entropy(outputs, targets, reduction="none")


def only_outputs(model: nn.Module, batch: Batch) -> Any:
    return model(batch.features)


def never_asked(model: nn.Module, batch: Batch) -> Any:
    outputs = model(batch.features)
    return functional.cross_entropy(outputs, batch.targets), outputs  # type: ignore[arg-type]


def squeezed(model: nn.Module, batch: Batch) -> Any:
    loss, outputs = plain_step(model, batch)
    return loss, outputs[:, :1]


def plateau(model: nn.Module, _hyperparameters: Any, _steps: int) -> Any:
    adam = torch.optim.Adam(model.parameters())
    return Optimization(optimizer=adam, each_epoch=ReduceLROnPlateau(adam))


def a_pair(model: nn.Module, _hyperparameters: Any, _steps: int) -> Any:
    return torch.optim.Adam(model.parameters()), None


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"loss": detached}, r"loss returns a loss that does not depend on the model's weights"),
        ({"loss": by_row}, r"loss returns a tensor of shape \(2,\) as the loss"),
        ({"step": only_outputs}, "step returns Tensor; it has to return two things"),
        ({"step": never_asked}, r"step fails where batch.targets is None.*line \d+ of test_own"),
        ({"step": squeezed}, r"step: the model returns shape \(2, 1\)"),
        ({"optimizer": plateau}, "ReduceLROnPlateau, which needs a score"),
        ({"optimizer": a_pair}, r"optimizer returns tuple; it has to return .*Optimization"),
        ({"class_weights": (1.0, 2.0, 3.0)}, "class_weights has 3 numbers for 2 classes"),
        ({"class_weights": "balance"}, "class_weights is 'balance'"),
        ({"class_weights": 1.5}, "from 0 .none. to 1 .balanced."),
    ],
)
def test_a_function_that_cannot_work_is_refused_before_a_study(
    own: dict[str, Any], message: str
) -> None:
    case = replace(TINY_CASE, **own)
    with pytest.raises(CaseError, match=message):
        rehearse(case, TINY_DATA, Plan())


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"step": plain_step, "loss": plain_loss}, "leave out loss and class_weights"),
        ({"loss": "mse"}, "loss is 'mse'; it has to be a function"),
        ({"task": "regression", "class_weights": "balanced"}, "for a classification"),
        ({"class_weights": {"no": 1.0}}, "write one number for each class, in the order of the"),
    ],
)
def test_functions_that_contradict_each_other_are_refused(
    own: dict[str, Any], message: str
) -> None:
    with pytest.raises(CaseError, match=message):
        replace(TINY_CASE, **own)


def rare(count: int, seed: int) -> Examples:
    """Two overlapping clouds; one row in ten belongs to the second."""
    random = torch.Generator().manual_seed(seed)
    targets = (torch.arange(count) % 10 == 0).long()
    features = torch.randn(count, 2, generator=random) + 0.8 * targets[:, None]
    return Examples(features=features, targets=targets)


RARE = make_dataset(
    name="rare",
    source="two clouds",
    development=rare(120, 0),
    test=rare(40, 1),
    validation=KFold(3),
    classes=("common", "rare"),
    columns=("x", "y"),
)


def found(case: Case, hyperparameters: Any, data: Dataset = RARE) -> float:
    """Return the share of the rare rows that are predicted correctly."""
    _, models = run(case, hyperparameters, data, three_folds(data), 0, Plan())
    rows = data.test.open(lambda: None)
    said = torch.stack([one.outputs(rows.features, Plan()).argmax(dim=1) for one in models])
    return said[:, rows.targets == 1].float().mean().item()


@pytest.mark.slow
@pytest.mark.parametrize("build", [TINY_CASE.build, layered], ids=["stacked", "alone"])
def test_balanced_classes_are_found_more_often(build: Callable[..., nn.Module]) -> None:
    case = replace(TINY_CASE, build=build)
    longer = replace(case.baseline, epochs=20, learning_rate=0.03)
    plain = found(case, longer)
    assert found(replace(case, class_weights="balanced"), longer) > plain + 0.3
    weighted = found(replace(case, class_weights=(1, 9)), longer)
    assert weighted > plain + 0.3
    for same in ([1, 9], np.array([1, 9]), torch.tensor([1.0, 9.0])):
        assert replace(case, class_weights=same) == replace(case, class_weights=(1, 9))
    assert plain <= found(replace(case, class_weights=0.5), longer)
    assert found(replace(case, class_weights="none"), longer) == plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted(TinyHyperparameters):
    class_weights: float = 0.0


def test_weights_can_be_a_hyperparameter() -> None:
    case = replace(TINY_CASE, baseline=Weighted(), recipe=Weighted(class_weights=1.0))
    plain, balanced = (
        found(case, replace(one, epochs=20, learning_rate=0.03))
        for one in (case.baseline, case.recipe)
    )
    assert balanced > plain + 0.3


def test_a_stack_is_weighted_as_each_network_would_be_alone() -> None:
    case = replace(TINY_CASE, class_weights="balanced")
    parts = three_folds(RARE)
    together, _ = run(case, case.baseline, RARE, parts, [1, 2, 3], Plan())
    alone = [run(case, case.baseline, RARE, parts[n : n + 1], [n + 1], Plan())[0] for n in range(3)]
    for place, points in enumerate(alone):
        assert points[-1].validation == pytest.approx(together[-1].fold_scores[place], abs=0.03)
    mean = sum(points[-1].train_loss for points in alone) / 3
    assert mean == pytest.approx(together[-1].train_loss, rel=1e-3)


def test_raw_features_stay_as_they_are_on_disk_and_in_training(tmp_path: Path) -> None:
    again = cache.load(cache.store(WORDS_DATA, tmp_path))
    assert again.raw
    assert again.identity == WORDS_DATA.identity
    seen: list[torch.dtype] = []

    def step(model: nn.Module, batch: Batch) -> tuple[Tensor | None, Tensor]:
        assert WORDS.step is not None
        seen.append(batch.features.dtype)
        return WORDS.step(model, batch)

    run(replace(WORDS, step=step), WORDS.baseline, again, three_folds(again), 0, Plan())
    assert set(seen) == {torch.int64}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": torch.zeros(20, 3).double()}, "raw=True they have to be torch.int64 or"),
        ({"features": torch.zeros(20, dtype=torch.int64)}, r"shape \(20,\); a row needs"),
        ({"features": torch.full((20, 2), torch.nan)}, "not finite"),
        ({"columns": ("a", "b", "c")}, "leave them out with raw=True"),
    ],
)
def test_raw_rows_are_checked(changes: dict[str, Any], message: str) -> None:
    features = changes.pop("features", torch.zeros(20, 3, dtype=torch.int64))
    rows = Examples(features=features, targets=torch.arange(20) % 2)
    with pytest.raises(DataError, match=message):
        make_dataset(
            name="raw",
            source="here",
            development=rows,
            test=rows,
            validation=KFold(2),
            classes=("a", "b"),
            raw=True,
            **changes,
        )


def test_a_training_of_own_functions_is_the_same_each_time() -> None:
    parts = three_folds(WORDS_DATA)
    one, other = (list(fit(WORDS, WORDS.recipe, WORDS_DATA, parts, 3, Plan())) for _ in range(2))
    assert one == other
    with pytest.raises(TrainingError, match="batch_size is 0"):
        next(fit(WORDS, replace(WORDS.baseline, batch_size=0), WORDS_DATA, parts, 3, Plan()))
