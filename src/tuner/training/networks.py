"""The networks of learners that step together: a single one, or several as a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from tuner.training.stacking import Layout, Stack, layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from tuner.case.contract import Case
    from tuner.data.dataset import Dataset
    from tuner.training.learner import Learner


class Networks(Protocol):
    """The view that an optimizer step has of the networks of K learners."""

    @property
    def module(self) -> nn.Module:
        """The module to train: (..., B, inputs) -> (..., B, outputs)."""

    def side_by_side(self, parts: Sequence[Tensor]) -> Tensor:
        """Join the parts of the learners as `module` takes them."""

    def apart(self, outputs: Tensor) -> Sequence[Tensor]:
        """Divide the outputs of `module` into those of the learners: (B, outputs) each."""

    def trained(self) -> Sequence[nn.Module]:
        """Return each learner's own network with its present weights."""


class Alone:
    """One learner's network, of any kind."""

    def __init__(self, network: nn.Module) -> None:
        self.module = network

    def side_by_side(self, parts: Sequence[Tensor]) -> Tensor:
        """Return the only part: (N,) -> (N,)."""
        (only,) = parts
        return only

    def apart(self, outputs: Tensor) -> Sequence[Tensor]:
        """Return the only outputs: (B, outputs)."""
        return [outputs]

    def trained(self) -> Sequence[nn.Module]:
        """Return the network."""
        return [self.module]


class Stacked:
    """K networks of the same layers as one module: (K, B, inputs) -> (K, B, outputs)."""

    def __init__(
        self, networks: Sequence[nn.Sequential], generators: Sequence[torch.Generator]
    ) -> None:
        self.module = Stack(networks, generators)

    def side_by_side(self, parts: Sequence[Tensor]) -> Tensor:
        """Stack the parts: K times (N,) -> (K, N)."""
        return torch.stack(list(parts))

    def apart(self, outputs: Tensor) -> Sequence[Tensor]:
        """Return the K slices: (B, outputs) each."""
        return list(outputs)

    def trained(self) -> Sequence[nn.Module]:
        """Write the weights back into the networks."""
        return self.module.unstack()


def stackable(network: nn.Module, data: Dataset, case: Case) -> bool:
    """Whether networks like this can train as a stack: plain known layers, on a table."""
    return _layout(network, data, case) is not None


def gather(
    learners: Sequence[Learner], data: Dataset, case: Case
) -> list[tuple[list[Learner], Networks]]:
    """Stack the networks that can be stacked, by equal layers and size of fold.

    A single stackable network is a stack too, so that it trains the same in any company. If one of
    the learners cannot be stacked, each of them trains alone.
    """
    layouts = [_layout(learner.network, data, case) for learner in learners]
    if None in layouts:
        return [([learner], Alone(learner.network)) for learner in learners]
    alike: dict[object, list[Learner]] = {}
    for learner, own in zip(learners, layouts, strict=True):
        sizes = len(learner.fold.training), len(learner.fold.validation)
        alike.setdefault((sizes, own), []).append(learner)
    return [(group, _stacked(group)) for group in alike.values()]


def _stacked(learners: Sequence[Learner]) -> Stacked:
    networks = [learner.network for learner in learners]
    return Stacked(networks, [learner.random for learner in learners])  # type: ignore[arg-type]


def _layout(network: nn.Module, data: Dataset, case: Case) -> Layout | None:
    # A stack of convolutions would be slower: they keep a core busy already.
    on_tables = data.pixels is None and not data.raw
    # A user's function is written for one network.
    own = (case.augment, case.loss, case.optimizer, case.step)
    return layout(network) if on_tables and own == (None, None, None, None) else None
