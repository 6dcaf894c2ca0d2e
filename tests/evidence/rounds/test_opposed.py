from __future__ import annotations

import pytest

from tuner.evidence.rounds.opposed import are_opposed

VALIDATION = {0: [1.4, 1.5, 1.3, 1.4], 1: [0.8, 0.7, 0.8, 0.8], 4: [0.3, 0.5, 0.4, 0.4]}


@pytest.mark.parametrize(
    ("tested", "opposed"),
    [
        ({number: [-one for one in own] for number, own in VALIDATION.items()}, True),
        ({number: [one + 1 for one in own] for number, own in VALIDATION.items()}, False),
        (VALIDATION | {4: [0.3, 0.5, 0.4, 1.9]}, False),  # two of them agree
        ({0: [0.5] * 4, 1: [0.4, 0.6, 0.5, 0.5], 4: [0.6] * 4}, True),
        ({0: [0.5] * 4, 1: [0.4, 0.6, 0.5, 0.5], 4: [0.6, 0.6, 0.6, 0.5]}, False),
    ],
)
def test_scores_the_other_way_are_noticed(tested: dict[int, list[float]], opposed: bool) -> None:
    assert are_opposed(VALIDATION, tested) == opposed
    too_few = {number: own[:3] for number, own in VALIDATION.items()}
    assert not are_opposed(too_few, {number: own[:3] for number, own in tested.items()})
