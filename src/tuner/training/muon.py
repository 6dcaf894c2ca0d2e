"""Muon: steps for the weights of hidden layers, equally long in each direction of a matrix.

| source | what is taken from it |
| --- | --- |
| Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks" | the steps, and \
the iteration that makes them; kernels as matrices; the output and all that is no matrix by AdamW |
| Liu et al. 2025, arXiv:2502.16982, section 2.2 | the length of a step, by which learning rate \
and weight decay are those of AdamW |

`torch.optim.Muon` computes the same, but only for matrices, not for kernels or stacks of networks.
A GPU could not record its steps, because it reads the learning rate in Python.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tuner.training.stacking import StackedLinear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

MOMENTUM = 0.95
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the iteration, Jordan et al.
ITERATIONS = 5
LENGTH = 0.2  # root mean square of AdamW's steps, Liu et al.
SMALLEST = 1e-7  # lower bound of the length of a gradient
# Each in floating-point operations of a product of the same duration: see `tuner.training.work`.
OPERATIONS_PER_MATRIX = 2.5e8
OPERATIONS_PER_PRODUCT = 2.0


class Muon(torch.optim.Optimizer):
    """Steps hidden weights by Muon, and all others by AdamW, with the same learning rate.

    Args:
        module: the network to train. Weights that need no gradient now may need one later.
        lr: learning rate; on a GPU a tensor of no dimensions, so that steps can be recorded.
        weight_decay: separate from the loss, as in AdamW.
        kind: type in which products are computed.
    """

    def __init__(
        self, module: nn.Module, lr: float | Tensor, weight_decay: float, kind: torch.dtype
    ) -> None:
        hidden = hidden_weights(module)
        taken = {id(weight) for weight, _ in hidden}
        others = [one for one in module.parameters() if id(one) not in taken]
        recorded = isinstance(lr, torch.Tensor)
        self._others = torch.optim.AdamW(
            [{"params": others}],
            lr=lr.clone() if isinstance(lr, torch.Tensor) else lr,
            weight_decay=weight_decay,
            fused=True,
            capturable=recorded,
        )
        self._kind = kind
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight, one in hidden if one == stacked], "stacked": stacked}
            for stacked in (False, True)
        ]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        self._own = self.param_groups
        # A schedule changes the rate of all groups that it knows.
        self.param_groups = [*self._own, *self._others.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step."""
        del closure
        for group in filter(lambda one: one["params"], self._own):
            kept = 1 - group["lr"] * group["weight_decay"]
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step(weight, weight.grad, group, kept)
        self._others.step()

    def _step(
        self, weight: Tensor, gradient: Tensor, group: dict[str, Any], kept: float | Tensor
    ) -> None:
        state, rate = self.state[weight], group["lr"]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(state["momentum"], MOMENTUM)
        matrices = ahead if group["stacked"] else ahead.flatten(1)
        length = LENGTH * math.sqrt(max(matrices.shape[-2:]))
        step = orthogonal(matrices.to(self._kind)).to(weight.dtype).view_as(ahead)
        weight.mul_(kept)
        weight.sub_(step * (rate * length))


def orthogonal(matrices: Tensor) -> Tensor:
    """Return matrices with the same singular vectors, whose singular values are all near 1.

    They are between 0.7 and 1.2: this is fast, and does not harm a training (Jordan et al. 2024).

    >>> made = orthogonal(torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.5, 0.0]]))
    >>> bool(((0.6 < made.diag()) & (made.diag() < 1.3)).all())
    True

    Args:
        matrices: (..., rows, columns).
    """
    wide = matrices.shape[-2] <= matrices.shape[-1]
    made: Tensor = matrices if wide else matrices.mT
    made = made / torch.linalg.vector_norm(made, dim=(-2, -1), keepdim=True).clamp(min=SMALLEST)
    for _ in range(ITERATIONS):
        made = nearer_in_few_kernels(made) if made.is_cuda else nearer(made)
    return made if wide else made.mT


def nearer(matrices: Tensor) -> Tensor:
    """Return matrices with singular values nearer to 1."""
    first, second, third = COEFFICIENTS
    square = matrices @ matrices.mT
    return first * matrices + (second * square + third * square @ square) @ matrices


def nearer_in_few_kernels(matrices: Tensor) -> Tensor:
    """Return the same as `nearer`, rounded differently, with fewer kernels: on a GPU each costs."""
    first, second, third = COEFFICIENTS
    add_product = torch.addmm if matrices.dim() == 2 else torch.baddbmm
    square = matrices @ matrices.mT
    polynomial = add_product(square, square, square, beta=second, alpha=third)
    return add_product(matrices, polynomial, matrices, beta=first)


def hidden_weights(module: nn.Module) -> list[tuple[nn.Parameter, bool]]:
    """Return the weights that are matrices between hidden layers, and whether each is stacked.

    These are the weights of convolutions without groups and of linear layers, except the last one
    in the order of `module.modules()`, which is taken to be the output. Weights that are shared
    with the output or an embedding, or computed from others (weight normalisation), are left out.
    """
    layers = list(_layers(module))
    if not layers:
        return []
    apart = [layers[-1], *(one for one in module.modules() if isinstance(one, nn.Embedding))]
    shared = {id(_weight(layer)) for layer in apart}
    found: dict[int, tuple[nn.Parameter, bool]] = {}
    for layer in layers:
        weight = _weight(layer)
        if weight is not None and weight.is_floating_point() and id(weight) not in shared:
            found[id(weight)] = weight, isinstance(layer, StackedLinear)
    return list(found.values())


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    for layer in module.modules():
        convolution = isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and layer.groups == 1
        if convolution or isinstance(layer, nn.Linear | StackedLinear):
            yield layer


def _weight(layer: nn.Module) -> nn.Parameter | None:
    # Reading `layer.weight` may compute it and change the layer, as spectral normalisation does.
    return dict(layer.named_parameters(recurse=False)).get("weight")


def operations(module: nn.Module, copies: int) -> float:
    """Return the work of a step beyond that of AdamW, in the unit of `tuner.training.work`.

    Args:
        copies: number of such networks that one step is for.
    """
    total = 0.0
    for weight, _ in hidden_weights(module):
        rows, columns = sorted((len(weight), math.prod(weight.shape[1:])))
        products = ITERATIONS * (4.0 * rows**2 * columns + 2.0 * rows**3)
        total += OPERATIONS_PER_MATRIX + OPERATIONS_PER_PRODUCT * copies * products
    return total
