"""The structure of a network: everything that determines its computation but its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch

from tuner.training.recording import KNOWN
from tuner.unpromised.by_torch import TENSORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

Structure: TypeAlias = tuple[object, ...]
VALUES = bool | int | float | str | type | None | torch.dtype


class _UnknownError(Exception):
    """A layer may depend on something that cannot be compared."""


def structure_of(network: nn.Module) -> Structure | None:
    """Return a value that is equal for networks that compute the same, apart from their weights.

    >>> from torch import nn
    >>> structure_of(nn.Linear(2, 3)) == structure_of(nn.Linear(2, 3))
    True
    >>> structure_of(nn.Linear(2, 3)) == structure_of(nn.Linear(2, 4))
    False

    Returns:
        None if that is unknown: a layer is a user's own, has hooks, or has attributes other than
            plain values, tensors and layers.
    """
    # A layer that is used twice is listed twice, and computes like two equal ones.
    layers = network.named_modules(remove_duplicate=False)
    try:
        found = tuple((name, type(layer), tuple(_settings(layer))) for name, layer in layers)
    except _UnknownError:
        return None
    weights = [id(weight) for _, weight in network.named_parameters(remove_duplicate=False)]
    tied = tuple(map(weights.index, weights))
    return found, tied


def _settings(layer: nn.Module) -> Iterator[tuple[str, object]]:
    """Yield the settings of a layer, without those of the layers in it."""
    if type(layer).__module__.partition(".")[0] not in KNOWN:
        raise _UnknownError
    for name, value in vars(layer).items():
        if name in TENSORS:
            yield name, tuple(_described(value))
        elif name != "_modules" and not _is_empty(value):
            yield name, _value(value)


def _is_empty(value: object) -> bool:
    """Whether a value is an empty container, for example of hooks."""
    return isinstance(value, dict | set) and not value


def _described(tensors: Mapping[str, Tensor | None]) -> Iterator[tuple[str, object]]:
    for name, tensor in tensors.items():
        kind = None if tensor is None else (type(tensor), tensor.dtype, tensor.shape)
        yield name, kind


def _value(value: object) -> object:
    if isinstance(value, VALUES):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(_value, value))
    raise _UnknownError
