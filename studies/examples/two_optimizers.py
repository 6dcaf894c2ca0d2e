"""Plain PyTorch with an optimizer for each half of the network: a generator that yields its score.

tuner check studies/examples/two_optimizers.py
tuner study studies/examples/two_optimizers.py:train --trials 30
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import tuner

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

DIRECTION = "maximize"
METRIC = "accuracy"
BASELINE = {"body_lr": 0.001, "head_lr": 0.001, "width": 32, "dropout": 0.0}
EPOCHS = 15


def rows(part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features (N, 64) and classes (N,) of "training", "validation" or "test"."""
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16).float(), torch.tensor(y)
    rest, held_out = train_test_split(range(len(x)), test_size=0.25, random_state=0, stratify=y)
    training, validation = train_test_split(rest, test_size=0.2, random_state=0, stratify=y[rest])
    chosen = {"training": training, "validation": validation, "test": held_out}[part]
    return x[chosen], y[chosen]


def train(trial: optuna.Trial) -> Iterator[dict[str, float]]:
    """Train, and yield the accuracy after each epoch; return the model."""
    width = trial.suggest_int("width", 8, 128, log=True)
    dropout = trial.suggest_float("dropout", 0.0, 0.5)
    body = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout))
    head = nn.Linear(width, 10)
    optimizers = [
        torch.optim.AdamW(body.parameters(), trial.suggest_float("body_lr", 1e-4, 1e-1, log=True)),
        torch.optim.SGD(head.parameters(), trial.suggest_float("head_lr", 1e-4, 1.0, log=True)),
    ]
    model = nn.Sequential(body, head)
    x, y = rows("training")
    order = torch.Generator().manual_seed(tuner.seed())
    for _ in range(EPOCHS):
        model.train()
        for batch in torch.randperm(len(x), generator=order).split(64):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            scores = {part: accuracy(model, part) for part in ("training", "validation")}
        yield {"validation": scores["validation"], "train": scores["training"]}
    return model


def test(model: nn.Module) -> torch.Tensor:
    """Return for each test row whether the model is right: (N,)."""
    x, y = rows("test")
    with torch.no_grad():
        return (model.eval()(x).argmax(dim=1) == y).float()


def accuracy(model: nn.Module, part: str) -> float:
    """Return the share of rows that the model gets right."""
    x, y = rows(part)
    return float((model(x).argmax(dim=1) == y).float().mean())
