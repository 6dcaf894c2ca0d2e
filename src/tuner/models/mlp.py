"""Multilayer perceptrons for tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from tuner.case.contract import Hyperparameters

if TYPE_CHECKING:
    from tuner.case.contract import Shape

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPHyperparameters(Hyperparameters):
    """Fully connected hidden layers and a linear output.

    >>> MLPHyperparameters(depth=2, dropout=0.3).width
    32

    Attributes:
        depth: hidden layers.
        width: units of the first hidden layer.
        taper: each further hidden layer has half the units of the one before; off: the same number.
        activation: after each hidden layer: one of ACTIVATIONS.
        batch_norm: normalise before each activation.
        dropout: probability, after each activation.
    """

    depth: int = 1
    width: int = 32
    taper: bool = False
    activation: str = "relu"
    batch_norm: bool = False
    dropout: float = 0.0


def build_mlp(hyperparameters: MLPHyperparameters, shape: Shape) -> nn.Module:
    """Make the untrained network: (N, F) -> (N, outputs).

    >>> import torch
    >>> from tuner import Shape
    >>> network = build_mlp(MLPHyperparameters(depth=2), Shape((10,), 1))
    >>> network(torch.rand(4, 10)).shape
    torch.Size([4, 1])
    """
    layers: list[nn.Module] = []
    features = shape.inputs[0]
    for layer in range(hyperparameters.depth):
        width = hyperparameters.width >> layer if hyperparameters.taper else hyperparameters.width
        layers.append(nn.Linear(features, width))
        if hyperparameters.batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(ACTIVATIONS[hyperparameters.activation]())
        if hyperparameters.dropout:
            layers.append(nn.Dropout(hyperparameters.dropout))
        features = width
    return nn.Sequential(*layers, nn.Linear(features, shape.outputs))
