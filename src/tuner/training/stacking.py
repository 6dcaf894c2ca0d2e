"""Trains several small networks of the same layers as one: stacked weights, batched products.

A product of five small matrices costs a processor little more than one, because the call itself
takes most of the time. The members do not mix: each keeps its weights, statistics and gradients,
and draws its own dropout, so it trains as it would in a stack of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from tuner.unpromised.by_torch import TENSORS, carries_hooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

Layout: TypeAlias = tuple[tuple[str, str, int], ...]  # kind, settings and state of each layer


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
        """Copy the weights back into the members."""
        for member, weight, bias in zip(members, self.weight, self.bias, strict=True):
            member.weight.data.copy_(weight.T)
            member.bias.data.copy_(bias[0])


class StackedBatchNorm(nn.Module):
    """K BatchNorm layers with statistics of their own: (K, N, C) -> (K, N, C)."""

    def __init__(self, members: Sequence[nn.BatchNorm1d]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(len(members) * members[0].num_features, eps=members[0].eps)
        states = [member.state_dict() for member in members]
        self.norm.load_state_dict(
            {
                name: torch.cat([state[name] for state in states]) if first.ndim else first
                for name, first in states[0].items()
            }
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise each member's channels over its own rows."""
        count, rows, channels = inputs.shape
        side_by_side = inputs.transpose(0, 1).reshape(rows, count * channels)
        normalised: Tensor = self.norm(side_by_side)
        return normalised.view(rows, count, channels).transpose(0, 1)

    def unstack(self, members: Sequence[nn.BatchNorm1d]) -> None:
        """Copy weights and statistics back into the members."""
        for name, stacked in self.norm.state_dict().items():
            parts = stacked.chunk(len(members)) if stacked.ndim else [stacked] * len(members)
            for member, part in zip(members, parts, strict=True):
                getattr(member, name).data.copy_(part)


class StackedDropout(nn.Module):
    """Dropout with a separate generator for each member: (K, N, C) -> (K, N, C)."""

    def __init__(self, probability: float, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.probability, self.generators = probability, generators

    def forward(self, inputs: Tensor) -> Tensor:
        """Zero each number with probability p, and scale up the others."""
        if not self.training:
            return inputs
        shape, device = inputs.shape[1:], inputs.device
        draws = [torch.rand(shape, generator=own, device=device) for own in self.generators]
        kept = torch.stack(draws) >= self.probability
        return inputs * (kept / (1 - self.probability))


class Stack(nn.Sequential):
    """K networks side by side: (K, N, inputs) -> (K, N, outputs).

    Args:
        members: each network, of layers that `can_stack` knows.
        generators: of each member, for its dropout.
    """

    def __init__(self, members: Sequence[nn.Sequential], generators: Sequence[Generator]) -> None:
        layers = zip(*members, strict=True)
        super().__init__(*(_stacked(alike, generators) for alike in layers))
        self.members = list(members)  # in a list, so that torch does not register their weights

    def unstack(self) -> Sequence[nn.Sequential]:
        """Return the members with their trained weights and statistics."""
        for layer, originals in zip(self, zip(*self.members, strict=True), strict=True):
            if isinstance(layer, StackedLinear | StackedBatchNorm):
                layer.unstack(originals)
        return self.members


def can_stack(network: nn.Module) -> bool:
    """Whether `Stack` knows every layer of a network, in its plain form."""
    return layout(network) is not None


def layout(network: nn.Module) -> Layout | None:
    """Return the properties that networks must share to be stacked; None if this one cannot be.

    Only exact types count, as their constructors make them: a layer that was changed afterwards in
    any way (hooks, parametrizations, frozen or shared weights, a `forward` of its own) may compute
    something that a stack does not.
    """
    if type(network) is not nn.Sequential or not _alike(network, nn.Sequential(), "_modules"):
        return None
    layers = list(network)
    weights = [weight for layer in layers for weight in layer.parameters()]
    if any(map(is_lazy, weights)):
        return None  # lazy layers have no size yet
    if len({weight.untyped_storage().data_ptr() for weight in weights}) < len(weights):
        return None  # tied weights
    found = []
    for layer in layers:
        fresh = _fresh(layer)
        if fresh is None or not _alike(layer, fresh):
            return None
        found.append((type(layer).__name__, layer.extra_repr(), _counted(layer)))
    return tuple(found) if found else None


def _fresh(layer: nn.Module) -> nn.Module | None:
    """Return a new layer of the same kind and settings, without weights."""
    kind = type(layer)
    if isinstance(layer, nn.Linear) and kind is nn.Linear and layer.bias is not None:
        return nn.Linear(layer.in_features, layer.out_features, device="meta")
    if isinstance(layer, nn.BatchNorm1d) and kind is nn.BatchNorm1d:
        return nn.BatchNorm1d(layer.num_features, eps=layer.eps, device="meta")
    if isinstance(layer, nn.Dropout) and kind is nn.Dropout and layer.p < 1:
        return nn.Dropout(layer.p, layer.inplace)
    if isinstance(layer, nn.GELU) and kind is nn.GELU:
        return nn.GELU(layer.approximate)
    if isinstance(layer, nn.ReLU) and kind is nn.ReLU:
        return nn.ReLU(layer.inplace)
    if isinstance(layer, nn.SiLU) and kind is nn.SiLU:
        return nn.SiLU(layer.inplace)
    return nn.Tanh() if kind is nn.Tanh else None


def _alike(layer: nn.Module, fresh: nn.Module, *but: str) -> bool:
    """Whether a layer has exactly the attributes of a new one; numbers in it may differ."""
    ours, theirs = vars(layer), vars(fresh)
    return ours.keys() == theirs.keys() and all(
        _same_tensors(ours[name], theirs[name]) if name in TENSORS else ours[name] == theirs[name]
        for name in ours.keys() - {"training", *but}
    )


def _same_tensors(ours: dict[str, Tensor | None], theirs: dict[str, Tensor | None]) -> bool:
    return ours.keys() == theirs.keys() and all(
        one is other
        if one is None or other is None
        else _described(one) == _described(other) and not carries_hooks(one)
        for one, other in ((ours[name], theirs[name]) for name in ours)
    )


def _described(tensor: Tensor) -> tuple[object, ...]:
    return type(tensor), tensor.dtype, tensor.shape, tensor.requires_grad, tensor.is_leaf


def _counted(layer: nn.Module) -> int:
    """Return how many batches a layer's statistics have seen; a stack has one count for all."""
    counted = layer.num_batches_tracked if isinstance(layer, nn.BatchNorm1d) else None
    return 0 if counted is None else int(counted)


def _stacked(layers: Sequence[nn.Module], generators: Sequence[Generator]) -> nn.Module:
    first = layers[0]
    if isinstance(first, nn.Linear):
        return StackedLinear(layers)  # type: ignore[arg-type]
    if isinstance(first, nn.BatchNorm1d):
        return StackedBatchNorm(layers)  # type: ignore[arg-type]
    if isinstance(first, nn.Dropout):
        return StackedDropout(first.p, generators)
    return first
