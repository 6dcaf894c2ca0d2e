"""Networks for tables with categories: embeddings followed by a multilayer perceptron."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from tuner.case.contract import Shape
from tuner.models.mlp import MLPHyperparameters, build_mlp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TabularHyperparameters(MLPHyperparameters):
    """Embeddings, then fully connected hidden layers and a linear output.

    Attributes:
        embedding: the most numbers that represent a value of a category.
        waves: number of waves for each number; 0 for the number alone.
        frequency: standard deviation of the waves' frequencies, for a number with a standard
            deviation of 1; read only with waves.
    """

    embedding: int = 8
    waves: int = 0
    frequency: float = 0.1


class Embeddings(nn.Module):
    """Maps codes of categories to vectors: (N, numbers + codes) -> (N, numbers + vectors)."""

    def __init__(self, sizes: Sequence[int], most: int) -> None:
        super().__init__()
        self.codes = len(sizes)
        widths = [min(most, math.ceil(size / 2)) for size in sizes]
        self.added = sum(widths)  # columns that replace the codes
        self.tables = nn.ModuleList(map(nn.Embedding, sizes, widths))
        for table, width in zip(self.tables, widths, strict=True):
            for weight in table.parameters():
                nn.init.normal_(weight, std=1 / math.sqrt(width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Replace the last columns, which are codes from 0 on, by vectors."""
        numbers = inputs[:, : inputs.shape[1] - self.codes]
        codes = inputs[:, inputs.shape[1] - self.codes :].long()
        parts = [table(codes[:, place]) for place, table in enumerate(self.tables)]
        return torch.cat([numbers, *parts], dim=1)


class Waves(nn.Module):
    """Adds periodic embeddings of the first columns: (N, C) -> (N, C + n * waves).

    Sine and cosine of learnt frequencies, followed by a separate layer for each number: the
    periodic embeddings of Gorishniy et al. 2022 ("On Embeddings for Numerical Features in Tabular
    Deep Learning", section 3.3), in addition to the number itself.
    """

    def __init__(self, numbers: int, waves: int, frequency: float) -> None:
        super().__init__()
        self.numbers = numbers
        self.frequencies = nn.Parameter(torch.randn(numbers, waves) * frequency)
        bound = 1 / math.sqrt(2 * waves)
        self.weight = nn.Parameter(torch.empty(numbers, 2 * waves, waves).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(numbers, waves))

    def forward(self, inputs: Tensor) -> Tensor:
        """Append the embeddings to the inputs."""
        angles = 2 * math.pi * inputs[:, : self.numbers, None] * self.frequencies
        seen = torch.cat([angles.sin(), angles.cos()], dim=2)  # (N, n, 2 waves)
        made = torch.einsum("bnw,nwv->bnv", seen, self.weight) + self.bias
        return torch.cat([inputs, made.relu().flatten(1)], dim=1)


def build_tabular(hyperparameters: TabularHyperparameters, shape: Shape) -> nn.Module:
    """Make the untrained network: (N, numbers + codes) -> (N, outputs).

    Without categories and waves it is a plain perceptron, which can be stacked.
    """
    numbers = shape.inputs[0] - len(shape.categories)
    before: list[nn.Module] = []
    width = numbers
    if shape.categories:
        embeddings = Embeddings(shape.categories, hyperparameters.embedding)
        before.append(embeddings)
        width += embeddings.added
    if hyperparameters.waves and numbers:
        before.append(Waves(numbers, hyperparameters.waves, hyperparameters.frequency))
        width += numbers * hyperparameters.waves
    perceptron = build_mlp(hyperparameters, Shape((width,), shape.outputs))
    return nn.Sequential(*before, *perceptron.children()) if before else perceptron
