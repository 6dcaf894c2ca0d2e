"""Rows of data in memory, and the statistics of their pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tuner.data.tensors import save_tensors
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows of features with their targets.

    >>> import torch
    >>> len(Examples(features=torch.rand(20, 2), targets=torch.arange(20) % 2))
    20

    Attributes:
        features: images (N, C, H, W) uint8, or tables (N, F) float32, or float64 for numbers far
            from zero (a Unix time): they are scaled before the model gets them as float32. Or raw
            rows (N, ...) int64, int32 or float32, which the model gets unchanged.
        targets: classes (N,) int64; labels (N, classes) int64 of 0 and 1, if a row can have
            several; or numbers (N, 1) float32 or float64.
        groups: (N,) int64: rows with the same number stay on one side of a split, and count as one
            in a verdict; None: there are no groups.
        names: a name for each row, such as its file; empty: rows have only numbers.
    """

    features: Tensor
    targets: Tensor
    groups: Tensor | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that are not tensors, and parts with different numbers of rows."""
        parts: dict[str, object] = {"features": self.features, "targets": self.targets}
        for what, given in parts.items():
            if not isinstance(given, Tensor):
                advice = (
                    "of all parts side by side (torch.cat), which the model takes apart again"
                    if isinstance(given, dict)
                    else "(torch.as_tensor makes one of an array or a list)"
                )
                raise DataError(
                    f"Examples: {what} is an object of type {type(given).__name__}; give a tensor "
                    f"{advice}"
                )
        if self.groups is not None and self.groups.shape != (len(self.features),):
            raise DataError(
                f"groups have shape {tuple(self.groups.shape)} for {len(self.features)} rows; give "
                "one whole number a row"
            )
        if self.names and len(self.names) != len(self.features):
            raise DataError(
                f"{len(self.names)} names for {len(self.features)} rows; give each row a name, or "
                "none"
            )
        if len(self.features) != len(self.targets) or len(self.features) == 0:
            raise DataError(
                f"{len(self.features)} rows of features with {len(self.targets)} targets; "
                "a data set needs one target a row, and at least one row"
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.features)

    @property
    def number_of_groups(self) -> int | None:
        """Number of groups of rows; None if rows have no groups."""
        return None if self.groups is None else len(self.groups.unique())

    def counts(self, classes: int) -> list[int]:
        """Return the number of rows of each class or label; empty for numbers."""
        if classes == 0:
            return []
        several = self.targets.dim() == 2
        counted = self.targets.sum(dim=0) if several else self.targets.bincount(minlength=classes)
        found: list[int] = counted.tolist()
        return found

    def strata(self) -> Tensor | None:
        """Return the strata that a split has to spread evenly, (N,) int64; None for numbers.

        Classes are strata. With several labels, the stratum of a row is its rarest label, as in the
        first step of Sechidis, Tsoumakas & Vlahavas 2011, "On the Stratification of Multi-label
        Data"; rows without labels are a stratum of their own, and so are all rows from strata with
        a single row.
        """
        if self.targets.is_floating_point():
            return None
        return self.targets if self.targets.dim() == 1 else _rarest(self.targets)

    def save(self, path: Path) -> None:
        """Write the tensors to a safetensors file."""
        tensors = {"features": self.features, "targets": self.targets}
        if self.groups is not None:
            tensors["groups"] = self.groups
        if self.names:
            tensors["names"] = _as_bytes(self.names)
        save_tensors(tensors, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Map a file that `save` wrote into memory.

        Raises:
            DataError: the file is missing or damaged; the message names it.
        """
        try:
            tensors = load_file(path)
            names = _from_bytes(tensors.pop("names", None))
            return cls(**tensors, names=names)
        except (OSError, SafetensorError, TypeError, ValueError) as error:
            raise DataError(
                f"{path} cannot be read ({error}); remove its folder, and it is made again"
            ) from error


def _rarest(labels: Tensor) -> Tensor:
    """Return the rarest label (N,) of each row of labels (N, L); L for a row without labels."""
    count, width = labels.shape
    often = torch.where(labels > 0, labels.sum(dim=0), count + 1)
    none = (labels.sum(dim=1) == 0)[:, None] * count
    found = torch.cat([often, count + 1 - none], dim=1).argmin(dim=1)
    alone = found.bincount(minlength=width + 1)[found] == 1
    if int(alone.sum()) == 1:  # a single row cannot be a stratum, so the largest takes it
        return torch.where(alone, found.bincount().argmax(), found)
    return torch.where(alone, width + 1, found)


def _as_bytes(names: tuple[str, ...]) -> Tensor:
    return torch.frombuffer(bytearray(json.dumps(names).encode()), dtype=torch.uint8)


def _from_bytes(stored: Tensor | None) -> tuple[str, ...]:
    return () if stored is None else tuple(json.loads(stored.numpy().tobytes()))


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelStatistics:
    """Mean and standard deviation of each channel, for pixels between 0 and 1.

    >>> PixelStatistics(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)).mean
    (0.5, 0.5, 0.5)
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Convert numbers of any library to Python's, and refuse those that cannot scale pixels."""
        for part in ("mean", "std"):
            try:
                numbers = tuple(float(one) for one in getattr(self, part))
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"PixelStatistics: {part} is {getattr(self, part)!r}; give a number a channel"
                ) from error
            object.__setattr__(self, part, numbers)  # frozen for all but this
        sound = all(map(isfinite, (*self.mean, *self.std))) and all(one > 0 for one in self.std)
        if not sound or len(self.mean) != len(self.std) or not self.mean:
            raise DataError(
                f"PixelStatistics: mean {self.mean} and std {self.std} do not fit; give a finite "
                "mean and a positive std for each channel, of pixels between 0 and 1"
            )
