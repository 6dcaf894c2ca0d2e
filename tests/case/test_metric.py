from __future__ import annotations

import itertools

import pytest
import torch

from tuner.case.metric import scores


def logits(answers: list[int], classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(answers), classes).float()


@pytest.mark.parametrize("wrong", [1, 2])
def test_macro_f1_is_over_the_classes_that_have_rows(wrong: int) -> None:
    """One wrong row costs the same whether its answer is a class with test rows or without."""
    targets = torch.tensor([0] * 50 + [1] * 50)
    found = scores("classification", logits([wrong] + [0] * 49 + [1] * 50, 3), targets)
    first = 2 * 49 / (2 * 49 + 1)
    second = {1: 2 * 50 / (2 * 50 + 1), 2: 1.0}[wrong]
    assert found["macro_f1"] == pytest.approx((first + second) / 2)
    assert found["accuracy"] == pytest.approx(0.99)


def test_where_all_classes_have_rows_it_is_the_mean_over_all() -> None:
    targets = torch.tensor([0, 1, 2])
    for answers in itertools.product(range(3), repeat=3):
        found = scores("classification", logits(list(answers), 3), targets)
        by_hand = 0.0
        for label in range(3):
            hit = int(answers[label] == label)
            by_hand += 2 * hit / (1 + answers.count(label)) / 3
        assert found["macro_f1"] == pytest.approx(by_hand)
