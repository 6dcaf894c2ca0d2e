from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import create_trial

from tuner.evidence.trials.fanova import fanova

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution

Columns = dict[str, list[Any]]


def drawn(rows: int, seed: int) -> tuple[Columns, list[float]]:
    """Return hyperparameters of every kind, and scores that depend on some of them."""
    draw = random.Random(seed)
    columns: Columns = {
        "learning_rate": [10 ** draw.uniform(-4, -1) for _ in range(rows)],
        "depth": [float(draw.randint(1, 5)) for _ in range(rows)],
        "optimizer": [draw.choice(["adam", "adamw", "sgd"]) for _ in range(rows)],
        "batch_norm": [draw.random() < 0.5 for _ in range(rows)],
        "momentum": [draw.choice([None, 0.5, 0.9]) for _ in range(rows)],
        "epochs": [20.0] * rows,
        "noise": [draw.random() for _ in range(rows)],
    }
    scores = [
        math.log10(columns["learning_rate"][row])
        + (2 if columns["optimizer"][row] == "sgd" else 0)
        + columns["batch_norm"][row] * columns["depth"][row]
        + draw.gauss(0, 0.1)
        for row in range(rows)
    ]
    return columns, scores


def by_optuna(columns: Columns, scores: Sequence[float], trees: int, seed: int) -> dict[str, float]:
    """Return the same by Optuna's own evaluator."""
    distributions: dict[str, BaseDistribution] = {
        name: FloatDistribution(min(values), max(values))
        if all(isinstance(one, float) for one in values) and min(values) < max(values)
        else CategoricalDistribution(sorted(set(values), key=repr))
        for name, values in columns.items()
    }
    study = optuna.create_study()
    for row, score in enumerate(scores):
        params = {name: values[row] for name, values in columns.items()}
        study.add_trial(create_trial(value=score, params=params, distributions=distributions))
    return FanovaImportanceEvaluator(n_trees=trees, seed=seed).evaluate(study)


@pytest.mark.parametrize(("rows", "seed"), [(3, 0), (12, 1), (60, 2)])
def test_it_is_what_optuna_computes(rows: int, seed: int) -> None:
    columns, scores = drawn(rows, seed)
    found = fanova(columns, scores, 8, seed)
    assert found == pytest.approx(by_optuna(columns, scores, 8, seed), abs=1e-12)
    assert found["epochs"] == 0


def test_what_the_score_is_made_of_explains_it() -> None:
    """In a sum of two numbers, each explains its own variance: 16 to 1."""
    draw = random.Random(0)
    columns = {name: [draw.random() for _ in range(2_000)] for name in ("large", "small", "none")}
    scores = [4 * one + two for one, two in zip(columns["large"], columns["small"], strict=True)]
    found = fanova(columns, scores, 4, 0)
    assert found["large"] == pytest.approx(16 / 17, abs=0.02)
    assert found["small"] == pytest.approx(1 / 17, abs=0.02)
    assert found["none"] == pytest.approx(0, abs=0.005)


def test_what_never_changes_explains_nothing() -> None:
    assert fanova({"one": ["a", "a"], "two": [1, 1.0]}, [0.1, 0.2], 4, 0) == {"one": 0, "two": 0}
    assert fanova({"one": ["a", "b"] * 9}, [0.5] * 18, 4, 0) == {"one": 0}


def test_whole_numbers_are_numbers_and_what_is_not_finite_is_a_category() -> None:
    columns, scores = drawn(30, 3)
    whole = {**columns, "depth": [int(one) for one in columns["depth"]]}
    assert fanova(whole, scores, 4, 0) == fanova(columns, scores, 4, 0)
    endless = [math.inf if one > 3 else one for one in columns["depth"]]
    assert fanova({**columns, "depth": endless}, scores, 4, 0)["depth"] > 0
