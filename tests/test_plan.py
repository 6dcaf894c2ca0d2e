"""What machines can do together."""

from __future__ import annotations

import pytest

from tuner.plan import Plan, common_plan

SLOW = Plan(precision="float32", channels_last=True)
FAST = Plan(precision="bfloat16", channels_last=True)
GPU = Plan(device="cuda", precision="bfloat16", channels_last=True, evaluation_batch=5000)


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        ([FAST], FAST),
        ([FAST, FAST], FAST),
        ([FAST, SLOW], SLOW),
        ([SLOW, FAST, FAST], SLOW),
        ([SLOW, GPU, FAST], GPU),
    ],
)
def test_machines_agree_on_what_all_can_do(plans: list[Plan], expected: Plan) -> None:
    assert common_plan(plans) == expected
