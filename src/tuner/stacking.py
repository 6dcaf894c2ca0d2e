"""Several small networks of the same layers as one: weights stacked, products batched.

A product of five small matrices costs a processor little more than one, because most of the time
goes into the call. The members do not mix: each keeps its weights, statistics and gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ELEMENTWISE = (nn.ReLU, nn.SiLU, nn.GELU, nn.Tanh, nn.Dropout)


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


class Stack(nn.Sequential):
    """K networks side by side: (K, N, inputs) -> (K, N, outputs)."""

    def __init__(self, members: Sequence[nn.Sequential]) -> None:
        super().__init__(*(_stacked(layers) for layers in zip(*members, strict=True)))
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
        or (isinstance(layer, nn.Linear) and layer.bias is not None)
        or (isinstance(layer, nn.BatchNorm1d) and layer.affine and layer.momentum == 0.1)
        for layer in network
    )


def _stacked(layers: Sequence[nn.Module]) -> nn.Module:
    first = layers[0]
    if isinstance(first, nn.Linear):
        return StackedLinear(layers)  # type: ignore[arg-type]
    if isinstance(first, nn.BatchNorm1d):
        return StackedBatchNorm(layers)  # type: ignore[arg-type]
    return first
