"""What is done to features and targets before a model sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.data.examples import PixelStatistics


FAR = 1e4  # standard deviations from zero: of float32's seven digits, three are left
WHOLE = (torch.int64, torch.int32)
COARSE = 0.01  # of a standard deviation: a step between float32 numbers that hides differences


@dataclass(frozen=True, slots=True)
class Scaler:
    """Subtract `mean`, divide by `std`; both broadcast over a batch.

    Attributes:
        mean: (C, 1, 1) for images, (F,) for tables; float32, or float64 where that is needed: then
            values are scaled in float64 too.
        std: as `mean`; a constant column has 1.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, rows: Tensor) -> Self:
        """Mean and population standard deviation of each column of `rows` (N, F).

        In the precision of the rows; but in float64 where a column lies so far from zero, beside
        its spread, that float32 would lose what is left after subtracting the mean (a Unix time).
        """
        if rows.dtype == torch.float32 and _lie_far_from_zero(rows):
            rows = rows.double()
        std = rows.std(dim=0, correction=0)
        # By its values: rounding can leave a constant column a tiny deviation to divide by.
        least = rows.amin(dim=0)
        constant = least == rows.amax(dim=0)
        mean = torch.where(constant, least, rows.mean(dim=0))
        return cls(mean, torch.where(constant | (std == 0), torch.ones_like(std), std))

    @classmethod
    def for_pixels(cls, pixels: PixelStatistics) -> Self:
        """Scale pixels given as 0 to 255 by statistics given for 0 to 1."""
        mean = torch.tensor(pixels.mean).view(-1, 1, 1) * 255
        return cls(mean, torch.tensor(pixels.std).view(-1, 1, 1) * 255)

    @classmethod
    def identity(cls) -> Self:
        """Leave values as they are: for targets that are classes."""
        return cls(torch.zeros(1), torch.ones(1))

    def __call__(self, values: Tensor) -> Tensor:
        """Scale `values`: -> float32; whole numbers but pixels are names, and stay as they are."""
        if values.dtype in WHOLE:
            return values
        return ((values.to(self.mean.dtype) - self.mean) / self.std).float()

    def in_units(self, values: Tensor) -> Tensor:
        """Return outputs or scaled targets in standardised units, in which they are scored."""
        return values

    def standardise(self, values: Tensor) -> Tensor:
        """Return targets of one's own units in those of `in_units`: -> float32."""
        return self(values)

    def undo(self, values: Tensor) -> Tensor:
        """Give scaled `values` back in their own units, in the precision of the scaler."""
        return values.to(self.mean.dtype) * self.std + self.mean

    def tensors(self) -> dict[str, Tensor]:
        """Return both statistics by name."""
        return {"mean": self.mean, "std": self.std}

    def to(self, device: torch.device) -> Self:
        """Return the same scaler on `device`."""
        return type(self)(self.mean.to(device), self.std.to(device))


def remarks(features: Tensor, columns: Sequence[str]) -> list[str]:
    """Say which columns of a table (N, F) have lost digits that told something.

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
    """Whether a column (N, F) that is not constant lies far from zero beside its spread."""
    varies = rows.amin(dim=0) < rows.amax(dim=0)
    # Roughly first, without a copy in float64: the error of a deviation in float32 is much smaller.
    near = rows.mean(dim=0).abs() <= FAR / 10 * rows.std(dim=0, correction=0)
    if not (varies & ~near).any():
        return False
    doubtful = rows[:, varies & ~near].double()
    spread = doubtful.std(dim=0, correction=0)
    return bool((doubtful.mean(dim=0).abs() > FAR * spread).any())
