from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.making import open_as_command
from tuner.errors import StudyError, UsageError
from tuner.study.store import load_study
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
