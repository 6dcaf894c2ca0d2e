"""What is done to features and targets before a model sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.data.examples import PixelStatistics


@dataclass(frozen=True, slots=True)
class Scaler:
    """Subtract `mean`, divide by `std`; both broadcast over a batch.

    Attributes:
        mean: (C, 1, 1) for images, (F,) for tables.
        std: as `mean`; a constant column has 1.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, rows: Tensor) -> Self:
        """Mean and population standard deviation of each column of `rows` (N, F)."""
        std = rows.std(dim=0, correction=0)
        # By its values: rounding can leave a constant column a tiny deviation to divide by.
        constant = rows.amin(dim=0) == rows.amax(dim=0)
        return cls(rows.mean(dim=0), torch.where(constant | (std == 0), torch.ones_like(std), std))

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
        """Scale `values`, as float32."""
        return (values.float() - self.mean) / self.std

    def undo(self, values: Tensor) -> Tensor:
        """Give scaled `values` back in their own units."""
        return values.float() * self.std + self.mean

    def to(self, device: torch.device) -> Self:
        """Return the same scaler on `device`."""
        return type(self)(self.mean.to(device), self.std.to(device))
