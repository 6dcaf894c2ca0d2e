"""The GPUs of a study, in its report."""

from __future__ import annotations

from typing import Any

import pytest

from tuner.report.facts.origin import manifest
from tuner.report.sections.repeat import _machine

MACHINE = {
    "processor": "AMD EPYC",
    "cores": 16,
    "memory_gib": 128.0,
    "platform": "Linux x86_64",
    "torch": "2.14.1",
}
CARDS = {"names": ["H100", "H100"], "driver": "580.1", "cuda": "13.0", "cudnn": 91900}


def said(*sessions: dict[str, Any]) -> str:
    whole = [{"machine": MACHINE, "workers": 8, **session} for session in sessions]
    return _machine({"manifest": manifest({"plan": {"device": "cuda", "threads": 1}}, whole)})


def test_cards_are_named_with_driver_and_libraries() -> None:
    assert "\n- 2 GPUs: H100; driver 580.1, CUDA 13.0, cuDNN 91900" in said({"cards": CARDS})
    assert "GPU" not in said({})


def test_operations_that_do_not_repeat_are_named() -> None:
    text = said({"cards": CARDS, "not_repeatable": ["cumsum_cuda", "put_"]})
    assert "no deterministic algorithm on this GPU for cumsum_cuda, put_, so" in text


@pytest.mark.parametrize(
    ("before", "another"),
    [
        ({"cards": CARDS}, False),
        ({"cards": {**CARDS, "driver": "535.1"}}, True),
        ({"cards": {**CARDS, "names": ["A100"]}}, True),
        ({}, True),
    ],
)
def test_another_card_is_another_machine(before: dict[str, Any], another: bool) -> None:
    text = said(before, {"cards": CARDS})
    assert ("This is the machine of the last session" in text) == another
