"""Several small networks of the same layers as one: weights stacked, products batched.

A product of five small matrices costs a processor little more than one, because most of the time
goes into the call. The members do not mix: each keeps its weights, statistics and gradients, and
draws its own dropout, so it trains as it would in a stack of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

ELEMENTWISE = (nn.ReLU, nn.SiLU, nn.GELU, nn.Tanh)


class StackedLinear(nn.Module):
    """K linear layers: (K, N, inputs) -> (K, N, outputs)."""

    def __init__(self, members: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([m.weight.detach().T for m in members]))
        self.bias = nn.Parameter(torch.stack([m.bias.detach()[None] for m in members]))

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply each member to its own rows."""
        return torch.baddbmm(self.bias, inputs, self.weight)

    def unstack(self, members: Sequence[nn.Linear]) -> None:
        """Give the weights back."""
        for member, weight, bias in zip(members, self.weight, self.bias, strict=True):
            member.weight.data.copy_(weight.T)
            member.bias.data.copy_(bias[0])


class StackedBatchNorm(nn.Module):
    """K BatchNorm layers with statistics of their own: (K, N, C) -> (K, N, C)."""

    def __init__(self, members: Sequence[nn.BatchNorm1d]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(len(members) * members[0].num_features, eps=members[0].eps)

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise each member's channels over its own rows."""
        count, rows, channels = inputs.shape
        side_by_side = inputs.transpose(0, 1).reshape(rows, count * channels)
        normalised: Tensor = self.norm(side_by_side)
        return normalised.view(rows, count, channels).transpose(0, 1)

    def unstack(self, members: Sequence[nn.BatchNorm1d]) -> None:
        """Give weights and statistics back."""
        for name, stacked in self.norm.state_dict().items():
            parts = stacked.chunk(len(members)) if stacked.ndim else [stacked] * len(members)
            for member, part in zip(members, parts, strict=True):
                getattr(member, name).data.copy_(part)


class StackedDropout(nn.Module):
    """Dropout that each member draws from a generator of its own: (K, N, C) -> (K, N, C)."""

    def __init__(self, probability: float, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.probability, self.generators = probability, generators

    def forward(self, inputs: Tensor) -> Tensor:
        """Zero each number with the probability, and scale up the others."""
        if not self.training:
            return inputs
        draws = [torch.rand(inputs.shape[1:], generator=own) for own in self.generators]
        kept = torch.stack(draws).to(inputs.device) >= self.probability
        return inputs * (kept / (1 - self.probability))


class Stack(nn.Sequential):
    """K networks side by side: (K, N, inputs) -> (K, N, outputs).

    Args:
        members: each network, of layers that `can_stack` knows.
        generators: that each member's dropout is drawn from.
    """

    def __init__(self, members: Sequence[nn.Sequential], generators: Sequence[Generator]) -> None:
        layers = zip(*members, strict=True)
        super().__init__(*(_stacked(alike, generators) for alike in layers))
        self.members = list(members)  # in a list, so that their own weights are not trained

    def unstack(self) -> Sequence[nn.Sequential]:
        """Return the members with the weights and statistics that were trained."""
        for layer, originals in zip(self, zip(*self.members, strict=True), strict=True):
            if isinstance(layer, StackedLinear | StackedBatchNorm):
                layer.unstack(originals)
        return self.members


def can_stack(network: nn.Module) -> bool:
    """Whether every layer of a network is one that `Stack` knows, in its plain form."""
    return isinstance(network, nn.Sequential) and all(
        isinstance(layer, ELEMENTWISE)
        or (isinstance(layer, nn.Dropout) and layer.p < 1)
        or (isinstance(layer, nn.Linear) and layer.bias is not None)
        or (isinstance(layer, nn.BatchNorm1d) and layer.affine and layer.momentum == 0.1)
        for layer in network
    )


def _stacked(layers: Sequence[nn.Module], generators: Sequence[Generator]) -> nn.Module:
    first = layers[0]
    if isinstance(first, nn.Linear):
        return StackedLinear(layers)  # type: ignore[arg-type]
    if isinstance(first, nn.BatchNorm1d):
        return StackedBatchNorm(layers)  # type: ignore[arg-type]
    if isinstance(first, nn.Dropout):
        return StackedDropout(first.p, generators)
    return first
