from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from tests.made_up import made_up
from tests.making import open_as_command
from tuner.case.loading import load_case
from tuner.data.scaling import Scaler
from tuner.data.splits import KFold, folds
from tuner.errors import StudyError, UsageError
from tuner.study.store import load_study
from tuner.training.fitting import fit
from tuner.training.inference import Fitted
from tuner.training.plan import (
    Plan,
    Precision,
    common_plan,
    computes_in_bfloat16,
    plan_for,
    precision_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuner.case.metric import Task
    from tuner.study.configuration import StudyConfig

FLOAT32, BFLOAT16 = Plan(), Plan(precision="bfloat16")
GPU, OLD_GPU = Plan(device="cuda", precision="bfloat16"), Plan(device="cuda")


@pytest.mark.parametrize(
    ("plans", "common"),
    [
        ([FLOAT32, FLOAT32], FLOAT32),
        ([BFLOAT16, BFLOAT16], BFLOAT16),
        ([BFLOAT16, FLOAT32], FLOAT32),
        ([FLOAT32, GPU], GPU),
        ([BFLOAT16, OLD_GPU, GPU], OLD_GPU),
    ],
)
def test_machines_share_what_all_can_do(plans: list[Plan], common: Plan) -> None:
    assert common_plan(plans) == common
    assert common_plan(reversed(plans)) == common


@pytest.mark.parametrize(
    ("task", "images", "native", "chosen"),
    [
        ("classification", True, True, "bfloat16"),
        ("classification", True, False, "float32"),
        ("classification", False, True, "float32"),
        ("regression", True, True, "float32"),
        ("regression", False, True, "float32"),
    ],
)
@pytest.mark.parametrize("asked", [None, "float32", "bfloat16"])
def test_the_precision_follows_from_task_and_machine(
    task: Task, images: bool, native: bool, chosen: Precision, asked: Precision | None
) -> None:
    def choose() -> Precision:
        return precision_of(task, images=images, native=native, asked=asked)

    if asked == "bfloat16" and chosen == "float32":
        with pytest.raises(UsageError, match=r"--precision bfloat16 (would|brings)"):
            choose()
    else:
        assert choose() == (asked or chosen)


def test_the_plan_of_images_and_of_tables() -> None:
    images = plan_for("classification", images=True)
    assert (images.precision == "bfloat16") == computes_in_bfloat16(images.device)
    assert images.channels_last
    tables = plan_for("classification", images=False)
    assert (tables.precision, tables.channels_last) == ("float32", False)


@pytest.mark.parametrize(
    ("row", "rows"),
    [
        ((1, 28, 28), 5000),
        ((3, 64, 64), 1365),
        ((3, 224, 224), 111),
        ((3, 9000, 9000), 1),
        ((), 5000),
    ],
)
def test_a_card_has_room_for_what_it_evaluates_at_once(row: tuple[int, ...], rows: int) -> None:
    assert Plan(device="cuda", evaluation_batch=5000).rows_at_once(row) == rows
    assert Plan(evaluation_batch=100).rows_at_once(row) == 100, "what a processor computes stays"


class Sizes(nn.Module):
    """Records the number of rows at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.layer = nn.Linear(2, 1)

    def forward(self, rows: Tensor) -> Tensor:
        self.sizes.append(len(rows))
        made: Tensor = self.layer(rows)
        return made


def test_rows_are_evaluated_as_many_at_once_as_the_plan_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Plan, "rows_at_once", lambda _plan, row: 2 + len(row))
    model = Sizes()
    fitted = Fitted(model, Scaler.identity(), Scaler.identity())
    assert fitted.outputs(torch.rand(7, 2), Plan()).shape == (7, 1)
    assert model.sizes == [3, 3, 1]


def test_so_are_those_of_a_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plan, "rows_at_once", lambda _plan, row: 2 + len(row))
    case, data = load_case("mnist"), made_up("mnist")
    sizes: list[int] = []

    def build(hyperparameters: Any, shape: Any) -> nn.Module:
        network: nn.Module = load_case("mnist").build(hyperparameters, shape)
        network.register_forward_hook(lambda layer, given, _made: sizes.append(len(given[0])))
        return network

    (fold, *_) = folds(data.development, KFold(3), 0)
    running = fit(replace(case, build=build), case.baseline, data, [fold], 0, Plan())
    next(running)
    parts = [len(part) for part in fold.validation.split(5)]
    assert sizes[-len(parts) :] == parts


def counting(plan: Plan, calls: list[int]) -> Callable[[], Plan]:
    def choose() -> Plan:
        calls.append(1)
        return plan

    return choose


def test_a_study_keeps_the_plan_it_was_begun_with(config: StudyConfig, url: str) -> None:
    calls: list[int] = []
    found, other = Plan(channels_last=True, evaluation_batch=250), Plan(evaluation_batch=1000)
    _, first = open_as_command(url, "study", config, counting(found, calls))
    _, again = open_as_command(url, "study", config, counting(other, calls), "float32")
    assert calls == [1]
    assert first.plan == again.plan == found


def test_another_precision_than_the_studys_is_refused(config: StudyConfig, url: str) -> None:
    open_as_command(url, "study", config)
    with pytest.raises(StudyError, match=r"precision is float32, not bfloat16\. .*--name"):
        open_as_command(url, "study", config, precision="bfloat16")


def test_a_study_that_is_refused_a_plan_is_not_begun(config: StudyConfig, url: str) -> None:
    def refuse() -> Plan:
        raise UsageError("not so")

    with pytest.raises(UsageError, match="not so"):
        open_as_command(url, "study", config, refuse)
    with pytest.raises(UsageError, match="no study 'study'"):
        load_study(url, "study")
