"""Thirty trainings with a known problem, five for each diagnosis."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tuner.case.contract import Case
from tuner.case.trivial import trivial
from tuner.data.dataset import Dataset, make_dataset
from tuner.data.examples import Examples
from tuner.data.splits import Holdout, KFold, folds
from tuner.errors import DivergedError
from tuner.evidence.trials.diagnosis import diagnose
from tuner.evidence.trials.signs import Curve
from tuner.models.mlp import MLPHyperparameters, build_mlp
from tuner.training.fitting import fit
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from torch import Generator

    from tuner.case.metric import Task
    from tuner.evidence.trials.diagnosis import Label


def clouds(rows: int, random: Generator, *, apart: float = 3.0, columns: int = 4) -> Any:
    """Two classes that differ by `apart` standard deviations in the first of the columns."""
    targets = torch.arange(rows) % 2
    features = torch.randn(rows, columns, generator=random)
    features[:, 0] += apart * targets
    return features, targets


def mislabelled(rows: int, random: Generator, *, share: float = 0.25, columns: int = 10) -> Any:
    """Two clouds; a share of the rows has the other's label."""
    features, targets = clouds(rows, random, columns=columns)
    return features, targets ^ (torch.rand(rows, generator=random) < share).long()


def rings(rows: int, random: Generator, *, noise: float = 0.1) -> Any:
    """A disc and a ring around it."""
    targets = torch.arange(rows) % 2
    angle = torch.rand(rows, generator=random) * 2 * math.pi
    radius = 0.5 + targets + noise * torch.randn(rows, generator=random)
    return torch.stack((radius * angle.cos(), radius * angle.sin()), dim=1), targets


def chequers(rows: int, random: Generator) -> Any:
    """A board of four fields, two for each class."""
    features = torch.rand(rows, 2, generator=random) * 2 - 1
    return features, (features.prod(dim=1) > 0).long()


def bowl(rows: int, random: Generator, *, noise: float = 0.05, columns: int = 2) -> Any:
    """A target that rises in every direction, so that no linear model fits it."""
    features = torch.randn(rows, columns, generator=random)
    targets = features[:, :2].square().sum(dim=1)
    return features, targets + noise * targets.std() * torch.randn(rows, generator=random)


def slope(rows: int, random: Generator, *, noise: float = 0.05, columns: int = 6) -> Any:
    """A linear target."""
    features = torch.randn(rows, columns, generator=random)
    targets = features @ torch.linspace(-1, 1, columns)
    return features, targets + noise * targets.std() * torch.randn(rows, generator=random)


@dataclass(frozen=True)
class Situation:
    """Data, hyperparameters, and what is wrong with them.

    Attributes:
        name: of the problem.
        label: the expected diagnosis.
        make: draws (features, targets).
        rows: number of rows.
        holdout: number of validation rows; 0 for five folds.
        changes: to hyperparameters that suit this data.
    """

    name: str
    label: Label
    make: Any
    rows: int = 600
    holdout: int = 0
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def regression(self) -> bool:
        return self.make in (bowl, slope) or getattr(self.make, "func", None) in (bowl, slope)

    def train(self, seed: int) -> Curve:
        """Train with fresh data and weights, and return the curve."""
        random = torch.Generator().manual_seed(seed)
        task: Task = "regression" if self.regression else "classification"
        data = self._data(random)
        hyperparameters = MLPHyperparameters(
            **{"width": 32, "learning_rate": 5e-3, "batch_size": 32, "epochs": 40, **self.changes}
        )
        case = Case(
            name="situation",
            task=task,
            baseline=hyperparameters,
            recipe=hyperparameters,
            suggest=lambda _: hyperparameters,
            load=lambda _: data,
            build=build_mlp,
        )
        parts = folds(data.development, data.validation, seed)
        points, diverged = [], False
        try:
            for point in fit(case, hyperparameters, data, parts, seed, Plan()):
                assert point.validation is not None
                points.append((point.epoch, point.train_loss, point.train_metric, point.validation))
        except DivergedError:
            diverged = True
        metric, loss = trivial(task, data.development.targets)
        assert metric is not None
        return Curve(
            points=points,
            metric=case.metric,
            validation_rows=sum(len(part.validation) for part in parts),
            trivial=metric,
            trivial_loss=loss,
            diverged=diverged,
        )

    def _data(self, random: Generator) -> Dataset:
        features, targets = self.make(self.rows + 10, random)
        targets = targets.float().view(-1, 1) if self.regression else targets
        return make_dataset(
            name="situation",
            source="drawn",
            development=Examples(features=features[:-10], targets=targets[:-10]),
            test=Examples(features=features[-10:], targets=targets[-10:]),
            validation=Holdout(self.holdout) if self.holdout else KFold(5),
            classes=() if self.regression else ("a", "b"),
            columns=tuple(f"column {n}" for n in range(features.shape[1])),
        )


FAST, SLOW = {"learning_rate": 0.5}, {"learning_rate": 5e-5}
SITUATIONS = [
    Situation("a wide net on 60 noisy rows", "overfitting", mislabelled, 60, 0, {"width": 256}),
    Situation(
        "a deep net on noisy labels", "overfitting", mislabelled, 200, 0, {"depth": 3, "width": 128}
    ),
    Situation(
        "40 columns, 80 rows",
        "overfitting",
        partial(clouds, apart=2, columns=40),
        80,
        0,
        {"width": 128, "epochs": 80},
    ),
    Situation(
        "a wide net on 60 noisy numbers",
        "overfitting",
        partial(slope, noise=0.7),
        60,
        0,
        {"width": 256, "epochs": 120},
    ),
    Situation(
        "a deep net on 100 noisy numbers",
        "overfitting",
        partial(bowl, noise=0.7, columns=8),
        100,
        0,
        {"depth": 3, "width": 128, "epochs": 80},
    ),
    Situation("a linear model on a curved target", "underfitting", bowl, 600, 0, {"depth": 0}),
    Situation("a linear model on rings", "underfitting", rings, 600, 0, {"depth": 0}),
    Situation("a linear model on a chequerboard", "underfitting", chequers, 600, 0, {"depth": 0}),
    Situation(
        "one unit on a curved target", "underfitting", bowl, 600, 0, {"width": 1, "epochs": 80}
    ),
    Situation(
        "far too much weight decay",
        "underfitting",
        bowl,
        600,
        0,
        {"weight_decay": 20.0, "optimizer": "adamw"},
    ),
    Situation(
        "a learning rate 100 times too small, clouds", "slow convergence", clouds, 600, 0, SLOW
    ),
    Situation(
        "a learning rate 100 times too small, rings",
        "slow convergence",
        rings,
        600,
        0,
        SLOW,
    ),
    Situation(
        "a learning rate 100 times too small, bowl",
        "slow convergence",
        bowl,
        600,
        0,
        SLOW | {"width": 128},
    ),
    Situation(
        "a learning rate 100 times too small, slope", "slow convergence", slope, 600, 0, SLOW
    ),
    Situation(
        "a twentieth of the epochs, deep",
        "slow convergence",
        slope,
        600,
        0,
        SLOW | {"depth": 2, "epochs": 60},
    ),
    Situation(
        "a learning rate 100 times too large, clouds",
        "unstable",
        partial(clouds, apart=2),
        600,
        0,
        FAST | {"depth": 2},
    ),
    Situation(
        "a learning rate 100 times too large, rings", "unstable", rings, 600, 0, FAST | {"depth": 2}
    ),
    Situation("a learning rate 100 times too large, bowl", "unstable", bowl, 600, 0, FAST),
    Situation("a learning rate 100 times too large, slope", "unstable", slope, 600, 0, FAST),
    Situation(
        "a learning rate 100 times too large, deep",
        "unstable",
        chequers,
        600,
        0,
        FAST | {"depth": 3},
    ),
    Situation("a sound one, clouds", "healthy", clouds, 600, 0, {}),
    Situation("a sound one, rings", "healthy", rings, 600, 0, {}),
    Situation(
        "a sound one, bowl",
        "healthy",
        bowl,
        1000,
        0,
        {"epochs": 80, "step_lr": True, "step_size": 30},
    ),
    Situation(
        "a sound one, slope",
        "healthy",
        slope,
        600,
        0,
        {"epochs": 60, "step_lr": True, "step_size": 25},
    ),
    Situation(
        "a sound one, deep, BatchNorm",
        "healthy",
        clouds,
        600,
        0,
        {"depth": 2, "batch_norm": True, "epochs": 20},
    ),
    Situation(
        "12 rows to validate, clouds", "too noisy to say", partial(clouds, apart=2), 300, 12, {}
    ),
    Situation(
        "12 rows to validate, noisy labels",
        "too noisy to say",
        partial(mislabelled, share=0.15, columns=3),
        400,
        12,
        {"width": 4},
    ),
    Situation(
        "12 rows to validate, noisy numbers",
        "too noisy to say",
        partial(slope, noise=1.0),
        400,
        12,
        {"width": 4},
    ),
    Situation(
        "12 rows to validate, noisy bowl",
        "too noisy to say",
        partial(bowl, noise=1.0),
        400,
        12,
        {"width": 4},
    ),
    Situation(
        "12 rows to validate, rings",
        "too noisy to say",
        partial(rings, noise=0.4),
        300,
        12,
        {"width": 8},
    ),
]


def confusion(seeds: range) -> Counter[tuple[str, str]]:
    """Count each pair (problem, diagnosis), over situations and seeds."""
    return Counter(
        (str(situation.label), str(diagnose(situation.train(seed)).label))
        for situation in SITUATIONS
        for seed in seeds
    )


def right(found: Counter[tuple[str, str]]) -> int:
    return sum(count for (label, got), count in found.items() if label == got)
