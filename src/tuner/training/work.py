"""Work: what a training does, counted from shapes, so that it is the same on every machine.

It is the unit of virtual time, in which parallel trials are ordered (see study/coordinator.py). The
closer it is to the time that trainings really take, the less workers wait for each other. Products
alone are not close: on a core that multiplies matrices fast, most of the time goes into moving
activations, and in a small network into starting each operation.

Fitted to 90 random configurations of the three cases (one thread, an AMD EPYC with bfloat16): the
logarithm of seconds per work has a standard deviation of 0.18 on mnist, 0.14 on flowers and 0.23 on
housing; with products alone, and a constant a step, it was 0.67, 0.26 and 0.34. On the complete
trials of the reference studies it is 0.07, 0.10 and 0.40 (studies/scale/record.py).
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch import nn

# Each in floating-point operations of a product that take as long.
OPERATIONS_PER_ACTIVATION = 500.0  # forward; backward costs as much again
OPERATIONS_PER_WEIGHT = 1_000.0  # in an optimizer step: moments, decay, gradients set to none
OPERATIONS_PER_STEP = 1.5e8  # a third of a millisecond, however small the network


@dataclass(frozen=True, slots=True)
class Work:
    """What a network costs, in floating-point operations of a product that take as long.

    Attributes:
        training_row: forward and backward, a row.
        validation_row: forward alone, a row.
        step: of the optimizer, whatever the batch.
    """

    training_row: float
    validation_row: float
    step: float

    @classmethod
    def count(cls, model: nn.Module, row_shape: tuple[int, ...], copies: int = 1) -> Self:
        """Count it on a model, which is left as it is.

        Args:
            copies: how many networks like this one an optimizer step is taken for.
        """
        weights = sum(weight.numel() for weight in model.parameters())
        products, activations = _forward(model, row_shape, training=True)
        products_in_use, activations_in_use = _forward(model, row_shape, training=False)
        return cls(
            # The backward pass has two products for one of the forward pass.
            training_row=3 * products + 2 * OPERATIONS_PER_ACTIVATION * activations,
            validation_row=products_in_use + OPERATIONS_PER_ACTIVATION * activations_in_use,
            step=OPERATIONS_PER_WEIGHT * weights * copies + OPERATIONS_PER_STEP,
        )


def _forward(
    model: nn.Module, row_shape: tuple[int, ...], *, training: bool
) -> tuple[float, float]:
    """Return the operations in products, and the numbers made, of one row forward."""
    # Without data, so that nothing is drawn and no running mean is moved. Two rows, as BatchNorm
    # refuses to train on one.
    bare = deepcopy(model).to("meta").train(training)
    rows = torch.zeros(2, *row_shape, device="meta")
    activations = rows.numel()

    def count(_layer: nn.Module, _inputs: Any, outputs: Any) -> None:
        nonlocal activations
        activations += sum(
            made.numel() for made in tree_leaves(outputs) if isinstance(made, Tensor)
        )

    for layer in bare.modules():
        if not any(layer.children()):
            layer.register_forward_hook(count)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        bare(rows)
    return counter.get_total_flops() / 2, activations / 2
