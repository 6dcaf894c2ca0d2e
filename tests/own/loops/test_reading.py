"""The reports of a loop are read as scores, or refused with their kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tuner.errors import DivergedError, TrainingError
from tuner.own.loops import reading
from tuner.own.loops.events import OnTestRows
from tuner.own.loops.reading import score_of_yields, yielded


@pytest.mark.parametrize(
    ("values", "score"),
    [([1.0], 1.0), ([1.0, 2.0], 2.0), (list(range(20)), 18.5), (list(range(100)), 94.5)],
)
def test_the_score_of_a_generator_is_the_mean_of_its_last_tenth(
    values: list[float], score: float
) -> None:
    assert score_of_yields(values) == score


def test_numbers_beside_a_score() -> None:
    assert yielded({"validation": 1, "train": np.float32(2)}) == (1.0, {"train": 2.0})
    assert yielded(True) == (1.0, {})


@pytest.mark.parametrize(
    ("result", "direction", "found"),
    [
        (0.5, "minimize", OnTestRows(0.5)),
        (torch.tensor(0.5), "minimize", OnTestRows(0.5)),
        ([1, 0, 1, 1], "maximize", OnTestRows(0.75, (1.0, 0.0, 1.0, 1.0), "4 rows")),
        (np.array([True, False]), "maximize", OnTestRows(0.5, (1.0, 0.0), "2 rows")),
        (torch.tensor([0.5, 1.5]), "minimize", OnTestRows(1.0, (0.5, 1.5), "2 rows")),
    ],
)
def test_scores_on_test_rows(result: Any, direction: str, found: OnTestRows) -> None:
    assert reading.tested(result, direction) == found


@pytest.mark.parametrize("shape", ["classes", "logits"])
def test_predictions_of_classes(shape: str) -> None:
    targets = torch.tensor([0, 2, 1])
    said: Any = torch.tensor([0, 2, 2])
    if shape == "logits":
        said = torch.nn.functional.one_hot(said).float().requires_grad_()
    found = reading.tested({"predictions": said, "targets": targets}, "maximize")
    assert found.rows == (1.0, 1.0, 0.0)
    other = reading.tested({"predictions": said, "targets": targets.flip(0)}, "maximize")
    assert found.identity == other.identity  # the same rows in another order


@pytest.mark.parametrize("said", [[1, 0, 1], [1.0, 0.0, 1.0], [True, False, True], [[1], [0], [1]]])
def test_predictions_of_two_classes(said: Any) -> None:
    assert reading.tested({"predictions": said, "targets": [[1], [0], [0]]}, "maximize").rows == (
        *(1.0, 1.0),
        0.0,
    )


@pytest.mark.parametrize("said", [[0.9, 0.1, 0.8], [[0.9], [0.1], [0.8]], torch.rand(3)])
def test_probabilities_are_no_classes(said: Any) -> None:
    """They equal no class, so each row would count as wrong."""
    with pytest.raises(TrainingError, match=r"as \(p > 0.5\) makes of probabilities"):
        reading.tested({"predictions": said, "targets": [1, 0, 1]}, "maximize")


def test_rows_of_several_targets_are_refused() -> None:
    several = [[1, 0], [0, 1], [1, 1]]
    with pytest.raises(TrainingError, match=r"targets of shape \(3, 2\); a row has one target"):
        reading.tested({"predictions": several, "targets": several}, "maximize")


def test_predictions_of_numbers() -> None:
    found = reading.tested({"predictions": [[1.0], [2.0]], "targets": [1.5, 2.0]}, "minimize")
    assert found.rows == (0.5, 0.0)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("good", "str 'good'; return one number"),
        (None, "NoneType 'None'"),
        (np.ones((2, 2)), r"an array of shape \(2, 2\)"),
        ([[1, 2], [3]], "list is not an array of numbers"),
        ({"predictions": [1]}, "it has to hold 'predictions' and 'targets'"),
        ({"predictions": [1, 2], "targets": [1]}, "for 1 targets"),
        ({"predictions": [1], "targets": [1]}, "numbers|classes are scored by accuracy"),
    ],
)
def test_what_is_not_a_test_score(result: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        reading.tested(result, "minimize")


@pytest.mark.parametrize("result", [float("nan"), [1.0, float("inf")]])
def test_scores_that_are_not_finite(result: Any) -> None:
    with pytest.raises(DivergedError):
        reading.tested(result, "minimize")
