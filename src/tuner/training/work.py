"""The work of a training, counted from shapes, so that it is the same on every machine.

Work is the unit of virtual time, which orders parallel trials (search/coordinator.py). The closer
it is to the real duration of trainings, the less workers wait for each other. Products alone are
not close: on a core that multiplies matrices fast, most of the time goes into moving activations,
and in a small network into starting each operation.

Fitted to 90 random configurations of the three cases (one thread, an AMD EPYC with bfloat16): the
logarithm of seconds per work has a standard deviation of 0.18 on mnist, 0.14 on flowers and 0.23 on
housing; with only products, and a constant per step, it was 0.67, 0.26 and 0.34. On the complete
trials of the reference studies it is 0.07, 0.10 and 0.40 (studies/scale/record.py).
"""

from __future__ import annotations

import math
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tuner.case.contract import shape_of
from tuner.data.scaling import WHOLE
from tuner.training.device import CARD
from tuner.training.inference import applied_by, call
from tuner.training.muon import hidden_weights, operations
from tuner.training.optimizing import uses_muon
from tuner.training.randomness import seed_others, undisturbed
from tuner.training.structure import structure_of
from tuner.unpromised.by_torch import leaves

if TYPE_CHECKING:
    from torch import nn

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.dataset import Dataset
    from tuner.training.inference import Apply

# All in floating-point operations of a product of the same duration.
OPERATIONS_PER_ACTIVATION = 500.0  # forward; backward costs the same again
OPERATIONS_PER_WEIGHT = 1_000.0  # in an optimizer step: moments, decay, clearing gradients
OPERATIONS_PER_STEP = 1.5e8  # a third of a millisecond, however small the network
# On a GPU, the duration of a small network depends on its number of layers, not on their size: it
# is the start of kernels, of which a layer has some in a step. In the same unit, a millisecond is
# 4.5e8.
ON_CARD_PER_LAYER = 7e6  # in a step, forward and backward; a third of it in a validation
ON_CARD_PER_STEP = 6e7  # batch, loss, optimizer
ON_CARD_PER_MATRIX = 2e7  # of Muon, some 30 kernels; not measured
ON_CARD_PER_PRODUCT = 0.01
ON_CARD_PER_ACTIVATION = 2.0


@dataclass(frozen=True, slots=True)
class Work:
    """The cost of a network, in floating-point operations of a product of the same duration.

    Attributes:
        training_row: forward and backward pass, per row.
        validation_row: forward pass, per row.
        step: of the optimizer, independent of the batch.
        validation: independent of the rows.
    """

    training_row: float
    validation_row: float
    step: float
    validation: float = 0.0

    @classmethod
    def of(
        cls,
        case: Case,
        hyperparameters: Hyperparameters,
        data: Dataset,
        model: nn.Module,
        device: str,
        copies: int = 1,
    ) -> Work:
        """Count the work of a model that a case has built for its data, like `count`.

        Counting takes as long as ten steps. So models of one structure, such as those of different
        folds and seeds, are counted once per process.
        """
        inputs, kind = shape_of(data).inputs, data.development.features.dtype
        apply, muon = applied_by(case, hyperparameters), uses_muon(case, hyperparameters)
        structure = structure_of(model) if apply is None else None
        key = structure, inputs, copies, kind, device, muon
        if structure is not None and (known := _counted.get(key)) is not None:
            return known
        found = cls.count(model, inputs, copies, kind, apply, device, muon=muon)
        if structure is not None:
            _counted[key] = found
        return found

    @classmethod
    def count(
        cls,
        model: nn.Module,
        row_shape: tuple[int, ...],
        copies: int = 1,
        kind: torch.dtype = torch.float32,
        apply: Apply | None = None,
        device: str = "cpu",
        *,
        muon: bool = False,
    ) -> Self:
        """Count the work of a model, leaving it and all random generators unchanged.

        The model is run on two rows without data. If that fails (it looks at values, or makes
        tensors of its own on the processor), it is run on two rows of zeros. If that fails too,
        each parameter counts as one multiplication and addition per row. Which of these is used
        depends only on the model, so the count is the same on every machine.

        Args:
            copies: number of such networks that one optimizer step is for.
            kind: type of the features; integers other than pixels reach the model unchanged.
            apply: how a case applies its model; None to call it with a batch.
            device: of the training. Counts are the same on all devices, but their costs differ.
            muon: whether its optimizer is Muon.
        """
        rows = torch.zeros(2, *row_shape, dtype=kind if kind in WHOLE else torch.float32)
        weights = sum(weight.numel() for weight in model.parameters())
        with undisturbed():
            trained = _forward(model, rows, apply or call, training=True)
            used = _forward(model, rows, apply or call, training=False)
        # The backward pass has two products for each one of the forward pass.
        if device == CARD:
            return cls(
                training_row=3 * ON_CARD_PER_PRODUCT * trained.products
                + 2 * ON_CARD_PER_ACTIVATION * trained.activations,
                validation_row=ON_CARD_PER_PRODUCT * used.products
                + ON_CARD_PER_ACTIVATION * used.activations,
                step=ON_CARD_PER_LAYER * trained.layers
                + ON_CARD_PER_STEP
                + (ON_CARD_PER_MATRIX * len(hidden_weights(model)) if muon else 0.0),
                validation=ON_CARD_PER_LAYER / 3 * used.layers,
            )
        return cls(
            training_row=3 * trained.products + 2 * OPERATIONS_PER_ACTIVATION * trained.activations,
            validation_row=used.products + OPERATIONS_PER_ACTIVATION * used.activations,
            step=OPERATIONS_PER_WEIGHT * weights * copies
            + OPERATIONS_PER_STEP
            + (operations(model, copies) if muon else 0.0),
        )


_counted: dict[object, Work] = {}  # of models whose structure is known


class _Counted(NamedTuple):
    """The counts of a forward pass, per row."""

    products: float  # operations in products
    activations: float  # numbers computed
    layers: int  # calls of layers


def _forward(model: nn.Module, rows: Tensor, apply: Apply, *, training: bool) -> _Counted:
    """Count the forward pass of one row."""
    for device in ("meta", "cpu"):
        with suppress(Exception):  # a user's model may fail without data, or without a GPU
            return _run(model, rows, apply, device, training=training)
    weights = sum(weight.numel() for weight in model.parameters())
    layers = sum(not any(layer.children()) for layer in model.modules())
    return _Counted(2.0 * weights, float(math.prod(rows.shape[1:])), layers)


def _run(model: nn.Module, rows: Tensor, apply: Apply, device: str, *, training: bool) -> _Counted:
    """Count on a copy of the model, so that no running mean changes."""
    torch.manual_seed(0)  # a model that draws its own shapes must draw the same ones each time
    seed_others(0)
    bare = deepcopy(model).to(device).train(training)
    rows = rows.to(device)  # two, because BatchNorm refuses to train on one
    activations, layers = rows.numel(), 0

    def count(_layer: nn.Module, _inputs: Any, outputs: Any) -> None:
        nonlocal activations, layers
        layers += 1
        activations += sum(made.numel() for made in leaves(outputs) if isinstance(made, Tensor))

    for layer in bare.modules():
        if not any(layer.children()):
            layer.register_forward_hook(count)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        apply(bare, rows)
    return _Counted(counter.get_total_flops() / 2, activations / 2, layers)
