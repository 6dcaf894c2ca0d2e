"""Applies a model with the same precision, memory format and scaling as in its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from safetensors import SafetensorError

from tuner.case.batch import Batch
from tuner.data.preparation import Preparation, Straightened
from tuner.data.scaling import Scaler
from tuner.data.tensors import load_tensors, save_tensors
from tuner.errors import BundleError
from tuner.files import replacing
from tuner.training.device import computing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from tuner.case.contract import Case, Hyperparameters
    from tuner.data.table import Table
    from tuner.training.plan import Plan

    Apply = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model with the scalers it was trained with."""

    model: nn.Module
    features: Scaler | Preparation
    targets: Scaler | Straightened
    apply: Apply | None = None

    def outputs(self, features: Tensor, plan: Plan) -> Tensor:
        """Apply the model to unscaled features.

        Returns:
            (N, outputs) float32, on the plan's device: logits, or numbers in scaled units.
        """
        scaler = self.features.to(torch.device(plan.device))
        parts = features.to(plan.device).split(plan.rows_at_once(features.shape[1:]))
        with computing(plan):
            return outputs_of(self.model, parts, scaler, plan, self.apply)

    def scored(self, features: Tensor, plan: Plan) -> Tensor:
        """Apply the model as `outputs` does; numbers are in the units of scores."""
        return self.targets.to(torch.device(plan.device)).in_units(self.outputs(features, plan))

    def save(self, path: Path) -> None:
        """Write weights and scalers to a safetensors file, whole or not at all."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, scaler in (("features", self.features), ("targets", self.targets)):
            tensors |= {f"{name}.{part}": value for part, value in scaler.tensors().items()}
        with replacing(path) as beside:
            save_tensors(tensors, beside)

    @classmethod
    def load(
        cls,
        model: nn.Module,
        path: Path,
        row: tuple[int, ...],
        table: Table | None = None,
        apply: Apply | None = None,
    ) -> Self:
        """Load weights that `save` wrote into an untrained model.

        Args:
            row: shape of a row of features.
            table: definition of the columns, if a model's rows are prepared by it.
            apply: how a case applies its model; None to call it with a batch.

        Raises:
            BundleError: the file is damaged, or the weights belong to another model.
        """
        try:
            tensors = load_tensors(path)
            weights, features, targets = (
                {
                    key.removeprefix(f"{part}."): tensors.pop(key)
                    for key in list(tensors)
                    if key.startswith(f"{part}.")
                }
                for part in ("model", "features", "targets")
            )
            model.load_state_dict({**weights, **tensors})  # the latter should be empty
            prepared = (
                Preparation.read(features, table) if table else _scaler(features, _statistics(row))
            )
            straight = table is not None and table.skewed
            scaled = Straightened.read(targets) if straight else _scaler(targets, (1,))
        except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
            raise BundleError(
                f"{path} does not hold the weights of this model ({error}); retrain it"
            ) from error
        return cls(model.eval(), prepared, scaled, apply)


def _statistics(row: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a scaler's mean for rows: one per column, or one per channel."""
    return row if len(row) == 1 else (row[0], 1, 1)


def _scaler(tensors: Mapping[str, Tensor], shape: tuple[int, ...]) -> Scaler:
    """Make a scaler; refuse tensors that `save` cannot have written.

    Raises:
        ValueError: it does not fit a batch, or would divide by zero.
        KeyError: a part is missing.
    """
    mean, std = tensors["mean"], tensors["std"]
    for tensor in (mean, std):
        if tuple(tensor.shape) not in {shape, (1,)} or tensor.dtype not in {
            torch.float32,
            torch.float64,
        }:
            raise ValueError(
                f"a scaler has shape {tuple(tensor.shape)} and type {tensor.dtype}, not {shape} "
                "and torch.float32"
            )
    if not mean.isfinite().all():
        raise ValueError("the mean of a scaler is not finite")
    if not (std.isfinite().all() and (std > 0).all()):
        raise ValueError("the standard deviation of a scaler is not a positive number")
    return Scaler(mean, std)


def autocast(plan: Plan) -> torch.autocast:
    """Return the context in which the model computes in the plan's precision."""
    enabled = plan.precision == "bfloat16"
    return torch.autocast(plan.device, dtype=torch.bfloat16, enabled=enabled)


def scaled_batch(features: Tensor, scaler: Scaler | Preparation, plan: Plan) -> Tensor:
    """Scale a batch and convert it to the plan's memory format."""
    scaled = scaler(features)
    return scaled.contiguous(memory_format=torch.channels_last) if plan.channels_last else scaled


def plain_of(scaler: Scaler | Straightened) -> Scaler:
    """Return the scaler that standardises numbers in the units of scores."""
    return scaler.plain if isinstance(scaler, Straightened) else scaler


def applied_by(case: Case, hyperparameters: Hyperparameters) -> Apply | None:
    """Return how a case applies its model outside of training; None to call the model."""
    step = case.step
    if step is None:
        return None

    def apply(model: nn.Module, features: Tensor) -> Tensor:
        return step(model, Batch(features=features, hyperparameters=hyperparameters))[1]

    return apply


def call(model: nn.Module, features: Tensor) -> Tensor:
    """Call a model with a batch."""
    made: Tensor = model(features)
    return made


def outputs_of(
    model: nn.Module,
    parts: Iterable[Tensor],
    scaler: Scaler | Preparation,
    plan: Plan,
    apply: Apply | None = None,
) -> Tensor:
    """Evaluate a model on parts of rows on its device: (B, ...) each -> (N, outputs) float32."""
    model.eval()
    applied = apply or call
    with torch.inference_mode(), autocast(plan):
        made = [applied(model, scaled_batch(part, scaler, plan)).float() for part in parts]
    return torch.cat(made)
