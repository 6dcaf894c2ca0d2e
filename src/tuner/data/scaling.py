"""Scales features and targets for a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.data.examples import PixelStatistics


FAR = 1e4  # standard deviations from zero, at which float32 keeps three of its seven digits
WHOLE = (torch.int64, torch.int32)
COARSE = 0.01  # of a standard deviation: a float32 step that hides differences


@dataclass(frozen=True, slots=True)
class Scaler:
    """Subtracts `mean` and divides by `std`; both broadcast over a batch.

    Attributes:
        mean: (C, 1, 1) for images, (F,) for tables; float32, or float64 if needed: then values are
            scaled in float64 too.
        std: like `mean`; 1 for a constant column.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, rows: Tensor) -> Self:
        """Compute mean and population standard deviation of each column of `rows` (N, F).

        In the precision of the rows, but in float64 if a column is so far from zero, relative to
        its spread, that float32 would lose the differences after subtracting the mean (a Unix
        time).
        """
        if rows.dtype == torch.float32 and _lie_far_from_zero(rows):
            rows = rows.double()
        std = rows.std(dim=0, correction=0)
        # Compare values: rounding can leave a constant column a tiny deviation to divide by.
        least = rows.amin(dim=0)
        constant = least == rows.amax(dim=0)
        mean = torch.where(constant, least, rows.mean(dim=0))
        return cls(mean, torch.where(constant | (std == 0), torch.ones_like(std), std))

    @classmethod
    def for_pixels(cls, pixels: PixelStatistics) -> Self:
        """Scale pixels from 0 to 255 by statistics for 0 to 1."""
        mean = torch.tensor(pixels.mean).view(-1, 1, 1) * 255
        return cls(mean, torch.tensor(pixels.std).view(-1, 1, 1) * 255)

    @classmethod
    def identity(cls) -> Self:
        """Return a scaler that changes nothing, for targets that are classes."""
        return cls(torch.zeros(1), torch.ones(1))

    def __call__(self, values: Tensor) -> Tensor:
        """Scale `values`: -> float32; integers other than pixels are codes, and stay unchanged."""
        if values.dtype in WHOLE:
            return values
        return ((values.to(self.mean.dtype) - self.mean) / self.std).float()

    def in_units(self, values: Tensor) -> Tensor:
        """Return outputs or scaled targets in the standardised units of scores."""
        return values

    def standardise(self, values: Tensor) -> Tensor:
        """Return targets in the user's own units in those of `in_units`: -> float32."""
        return self(values)

    def undo(self, values: Tensor) -> Tensor:
        """Return scaled `values` in their own units, in the precision of the scaler."""
        return values.to(self.mean.dtype) * self.std + self.mean

    def tensors(self) -> dict[str, Tensor]:
        """Return both statistics by name."""
        return {"mean": self.mean, "std": self.std}

    def to(self, device: torch.device) -> Self:
        """Return the same scaler on `device`."""
        return type(self)(self.mean.to(device), self.std.to(device))


def remarks(features: Tensor, columns: Sequence[str]) -> list[str]:
    """Return remarks on columns of a table (N, F) that have lost informative digits.

    Args:
        columns: their names.
    """
    if features.dtype != torch.float32:
        return []
    constant = features.amin(dim=0) == features.amax(dim=0)
    largest = features.abs().amax(dim=0).double()
    step = largest * torch.finfo(torch.float32).eps
    spread = features.double().std(dim=0, correction=0)
    lost = torch.where(constant, step > 1, step > COARSE * spread)
    return [
        f"Column {columns[n]!r} holds numbers near {largest[n]:.4g}, which float32 keeps only in "
        f"steps of about {step[n]:.2g}: smaller differences are lost. Give the features of the "
        "table as torch.float64."
        for n in lost.nonzero().flatten().tolist()
    ]


def _lie_far_from_zero(rows: Tensor) -> bool:
    """Whether a column (N, F) that varies is far from zero, relative to its spread."""
    varies = rows.amin(dim=0) < rows.amax(dim=0)
    # First a rough check without a copy in float64: the error of a float32 deviation is much
    # smaller.
    near = rows.mean(dim=0).abs() <= FAR / 10 * rows.std(dim=0, correction=0)
    if not (varies & ~near).any():
        return False
    doubtful = rows[:, varies & ~near].double()
    spread = doubtful.std(dim=0, correction=0)
    return bool((doubtful.mean(dim=0).abs() > FAR * spread).any())
