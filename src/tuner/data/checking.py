"""What the rows of a data set have to be, checked once, before anything is trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tuner.data.images import MODES
from tuner.errors import DataError

TABLES = (torch.float32, torch.float64)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuner.data.examples import Examples, PixelStatistics


def check_rows(
    name: str,
    part: str,
    rows: Examples,
    classes: tuple[str, ...],
    columns: tuple[str, ...],
    pixels: PixelStatistics | None,
) -> None:
    """Check one part of a data set: development or test.

    Raises:
        DataError: all that is wrong with its features or its targets.
    """
    wrong = [
        *(_images(rows, pixels, columns) if pixels else _table(rows, columns)),
        *(_classes(rows, classes) if classes else _numbers(rows)),
    ]
    if wrong:
        raise DataError(f"{name}, {part} rows: {'; '.join(wrong)}")


def check_names(name: str, **lists: tuple[str, ...]) -> None:
    """Check lists of names.

    Raises:
        DataError: one holds a name twice.
    """
    for what, names in lists.items():
        if len(set(names)) < len(names):
            raise DataError(f"{name}: a name stands twice in {what}: {', '.join(names)}")


def _images(rows: Examples, pixels: PixelStatistics, columns: tuple[str, ...]) -> Iterator[str]:
    shape, channels = tuple(rows.features.shape), len(pixels.mean)
    if rows.features.dtype != torch.uint8:
        yield f"features are {rows.features.dtype}; with `pixels` they have to be torch.uint8"
    if len(shape) != 4 or shape[1] != channels or channels not in MODES:
        yield (
            f"features have shape {shape}; with {channels} channels in `pixels` they have to have "
            f"(N, {channels}, H, W), and {' or '.join(map(str, MODES))} channels can be read"
        )
    if columns:
        yield "`columns` is for tables, and `pixels` for images"


def _table(rows: Examples, columns: tuple[str, ...]) -> Iterator[str]:
    shape = tuple(rows.features.shape)
    if rows.features.dtype not in TABLES:
        yield (
            f"features are {rows.features.dtype}; without `pixels` they have to be torch.float32, "
            "or torch.float64"
        )
    elif not rows.features.isfinite().all():
        yield "a feature is not finite"
    if shape[1:] != (len(columns),):
        yield f"features have shape {shape}, and `columns` {len(columns)} names; it takes one each"


def _classes(rows: Examples, classes: tuple[str, ...]) -> Iterator[str]:
    shape = tuple(rows.targets.shape)
    if rows.targets.dtype != torch.int64 or len(shape) != 1:
        yield (
            f"targets are {rows.targets.dtype} of shape {shape}; with class names they have to be "
            "torch.int64 of shape (N,)"
        )
        return
    unknown = set(rows.targets.unique().tolist()) - set(range(len(classes)))
    if unknown:
        yield (
            f"targets hold {sorted(unknown)}; with {len(classes)} class names they have to be "
            f"0 to {len(classes) - 1}"
        )


def _numbers(rows: Examples) -> Iterator[str]:
    shape = tuple(rows.targets.shape)
    if rows.targets.dtype not in TABLES or shape[1:] != (1,):
        yield (
            f"targets are {rows.targets.dtype} of shape {shape}; without class names they have to "
            "be torch.float32, or torch.float64, of shape (N, 1)"
        )
    elif not rows.targets.isfinite().all():
        yield "a target is not finite"
