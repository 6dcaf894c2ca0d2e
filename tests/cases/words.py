"""A user's case with functions of its own: sentences of token ids, some of them padding.

The model has two outputs: the class, and the length of the sentence. `step` makes one loss of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import ExponentialLR

from tuner import (
    Batch,
    Case,
    Dataset,
    Examples,
    Folders,
    Hyperparameters,
    KFold,
    Optimization,
    Shape,
    make_dataset,
)

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import BaseTrial
    from torch import Tensor

WORDS, LENGTH, PADDING = 12, 6, 0
HAPPY = (3, 5, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordHyperparameters(Hyperparameters):
    """The defaults are the baseline."""

    optimizer: str = "sgd"
    learning_rate: float = 0.3
    momentum: float = 0.0
    width: int = 4
    batch_size: int = 16
    epochs: int = 4


def suggest(trial: BaseTrial) -> WordHyperparameters:
    """Draw from the search space."""
    return WordHyperparameters(
        optimizer=trial.suggest_categorical("optimizer", ("sgd", "rmsprop")),
        learning_rate=trial.suggest_float("learning_rate", 1e-3, 1.0, log=True),
        momentum=trial.suggest_float("momentum", 0.0, 0.9),
        width=trial.suggest_int("width", 2, 8),
    )


def sentences(count: int, seed: int) -> Examples:
    """Random words, then padding; a sentence is happy if it contains a happy word."""
    random = torch.Generator().manual_seed(seed)
    words = torch.randint(1, WORDS, (count, LENGTH), generator=random)
    lengths = torch.randint(1, LENGTH + 1, (count, 1), generator=random)
    words[torch.arange(LENGTH) >= lengths] = PADDING
    happy = torch.isin(words, torch.tensor(HAPPY)).any(dim=1)
    return Examples(features=words, targets=happy.long())


def load(folders: Folders) -> Dataset:
    """Make the data."""
    del folders
    return make_dataset(
        name="words",
        source="random sentences",
        development=sentences(90, 0),
        test=sentences(40, 1),
        validation=KFold(3),
        classes=("sad", "happy"),
        raw=True,
    )


def read(path: Path) -> Tensor:
    """Read the words of one file."""
    words = [int(word) for word in path.read_text(encoding="utf-8").split()]
    return torch.tensor([*words, *[PADDING] * (LENGTH - len(words))])


class Reader(nn.Module):
    """Words (B, length) -> logits (B, classes) and lengths (B, 1)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, width)
        self.head = nn.Linear(width, classes)
        self.length = nn.Linear(width, 1)

    def forward(self, words: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read the words that the mask (B, length) selects."""
        meaning = (self.embedding(words) * mask[:, :, None]).sum(dim=1)
        return self.head(meaning), self.length(meaning)


def build(hyperparameters: WordHyperparameters, shape: Shape) -> nn.Module:
    """Make the untrained network."""
    return Reader(hyperparameters.width, shape.outputs)


def step(model: nn.Module, batch: Batch) -> tuple[Tensor | None, Tensor]:
    """Mask the padding; learn the class and the length."""
    mask = (batch.features != PADDING).float()
    logits, lengths = model(batch.features, mask)
    if batch.targets is None:
        return None, logits
    wrong = functional.cross_entropy(logits, batch.targets)
    return wrong + 0.01 * functional.mse_loss(lengths, mask.sum(dim=1, keepdim=True)), logits


def optimizer(model: nn.Module, hyperparameters: WordHyperparameters, steps: int) -> Optimization:
    """Train the embedding at twice the rate of the rest, with decaying rates."""
    del steps
    rate = hyperparameters.learning_rate
    embedding = [w for name, w in model.named_parameters() if name.startswith("embedding")]
    others = [w for name, w in model.named_parameters() if not name.startswith("embedding")]
    groups = [{"params": embedding, "lr": 2 * rate}, {"params": others}]
    kind = torch.optim.SGD if hyperparameters.optimizer == "sgd" else torch.optim.RMSprop
    made = kind(groups, lr=rate, momentum=hyperparameters.momentum)  # type: ignore[arg-type]
    return Optimization(optimizer=made, each_epoch=ExponentialLR(made, 0.9))


CASE = Case(
    name="words",
    task="classification",
    baseline=WordHyperparameters(),
    recipe=WordHyperparameters(momentum=0.9, learning_rate=0.1),
    suggest=suggest,
    load=load,
    build=build,
    step=step,
    optimizer=optimizer,
    read=read,
)
