"""Reads picture files into rows of pixels: chooses their size and colour, and where to keep them.

Rows are uint8: in memory, or in a mapped file beside the downloads (`tuner.data.room`). In both
cases, workers map the cache, and share what the system keeps of it in memory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch

from tuner.data.examples import PixelStatistics
from tuner.data.images import look_at_images, read_images
from tuner.data.room import room_for, rows_at_a_time
from tuner.errors import DataError, UsageError
from tuner.language import said
from tuner.machine import usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from tuner.data.images import Look
    from tuner.own.images.listing import Picture

SIZES = (32, 48, 64)  # pixels a side after resizing; larger ones take a processor too long
SMALL = 64  # pixels a side, up to which pictures of one size are not resized
SMALLEST, LARGEST = 8, 512  # limits of --size
MOST_SHOWN = 3  # reasons, and files of each, in a message on files that cannot be read
MOST_UNREADABLE = 0.25  # of all files; a larger share means a mistake in the data set itself


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that cannot be read, and the reason."""

    picture: Picture
    reason: str


def look_through(pictures: Sequence[Picture]) -> tuple[list[tuple[Picture, Look]], list[Broken]]:
    """Read the heads of all files; return the pictures, and the files that are none."""
    good: list[tuple[Picture, Look]] = []
    broken: list[Broken] = []
    looks = look_at_images([one.path for one in pictures], usable_cores())
    for picture, found in zip(pictures, looks, strict=True):
        if isinstance(found, DataError):
            broken.append(Broken(picture, _why(picture, found)))
        else:
            good.append((picture, found))
    return good, broken


def refuse_too_many(data: Path, broken: Sequence[Broken], total: int) -> None:
    """Refuse a source with too many unreadable files.

    Raises:
        DataError: it has; the first files are named with their reasons.
    """
    if len(broken) > MOST_UNREADABLE * total:
        shown = "; ".join(f"{', '.join(names)}: {why}" for why, names in _first(broken).items())
        listed = f" (names in a list are relative to its folder, {data.parent})"
        raise DataError(
            f"{data}: {len(broken):,} of {total:,} files cannot be read ({shown}). Fix or remove "
            f"them{listed if data.is_file() else ''}"
        )


def choose_shape(looks: Sequence[Look], size: int | None) -> tuple[tuple[int, int, int], str]:
    """Choose the shape (C, H, W) to which pictures are read, and return the reason.

    Raises:
        UsageError: the requested size is impossible.
    """
    channels = 1 if all(look.grey for look in looks) else 3
    if size is not None:
        if not SMALLEST <= size <= LARGEST:
            raise UsageError(f"--size {size} is not between {SMALLEST} and {LARGEST}")
        return (channels, size, size), said("as --size says")
    sizes = {(look.height, look.width) for look in looks}
    height, width = next(iter(sizes))
    if len(sizes) == 1 and min(height, width) >= SMALLEST and max(height, width) <= SMALL:
        return (channels, height, width), said("the size of all pictures")
    sides = [min(look.height, look.width) for look in looks]
    side = max([one for one in SIZES if one <= median(sides)], default=SIZES[0])
    why = said(
        "the largest of {sizes} that half of the pictures have in their shorter side; another with "
        "--size",
        sizes=", ".join(map(str, SIZES)),
    )
    return (channels, side, side), why


def read_pixels(
    pictures: Sequence[Picture], shape: tuple[int, int, int], folder: Path
) -> tuple[Tensor, list[Picture], list[Broken]]:
    """Read all pictures, resized whole to `shape`.

    Returns:
        (N, C, H, W) uint8, the pictures of these rows, and the files that could not be read.
    """
    rows = room_for(len(pictures), shape, folder)
    good: list[Picture] = []
    broken: list[Broken] = []
    images = read_images([one.path for one in pictures], shape, usable_cores())
    for picture, found in zip(pictures, images, strict=True):
        if isinstance(found, DataError):
            broken.append(Broken(picture, _why(picture, found)))
        else:
            rows[len(good)] = found
            good.append(picture)
    return rows[: len(good)], good, broken


def gather(rows: Tensor, numbers: Tensor, folder: Path) -> Tensor:
    """Copy some rows (N, ...), in the given order."""
    if len(numbers) == len(rows) and bool((numbers == torch.arange(len(rows))).all()):
        return rows
    if rows.dtype != torch.uint8:  # features of a backbone, which are small
        return rows[numbers]
    shape = tuple(rows.shape[1:])
    found = room_for(len(numbers), shape, folder)
    for some in torch.arange(len(numbers)).split(rows_at_a_time(shape)):
        found[some] = rows[numbers[some]]
    return found


def statistics_of(rows: Tensor) -> PixelStatistics:
    """Return mean and standard deviation of each channel of rows (N, C, H, W), between 0 and 1.

    Raises:
        DataError: all pixels are the same.
    """
    counts = np.zeros((rows.shape[1], 256))
    for part in rows.split(rows_at_a_time(tuple(rows.shape[1:]))):
        for channel in range(rows.shape[1]):
            counts[channel] += np.bincount(part[:, channel].flatten().numpy(), minlength=256)
    shares, shades = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
    means = shares @ shades
    deviations = np.sqrt((shares * (shades - means[:, None]) ** 2).sum(axis=1))
    if not (deviations > 0).any():
        raise DataError("all pictures are of the same single colour; there is nothing to learn")
    deviations[deviations == 0] = 1.0  # a constant channel is not scaled
    return PixelStatistics(mean=tuple(means.tolist()), std=tuple(deviations.tolist()))


def about_looks(looks: Sequence[Look]) -> Iterator[tuple[str, str]]:
    """Yield facts from the heads of the files: sizes, modes, orientation, transparency, frames."""
    by_area = sorted((look.width * look.height, look.width, look.height) for look in looks)
    (_, *least), (_, *middle), (_, *most) = by_area[0], by_area[len(by_area) // 2], by_area[-1]
    sizes = len({(look.width, look.height) for look in looks})
    if sizes == 1:
        yield "sizes", said("all {size}", size=_size(least))
    else:
        yield (
            "sizes",
            said(
                "{count:,} different: {least} to {most}, half of them up to {middle}",
                count=sizes,
                least=_size(least),
                most=_size(most),
                middle=_size(middle),
            ),
        )
    modes = Counter(look.mode for look in looks)
    told = ", ".join(f"{mode} {count:,}" for mode, count in modes.most_common())
    deep = sum(count for mode, count in modes.items() if mode.startswith("I"))  # I;16 and the like
    yield (
        "modes",
        said("{modes}; {count:,} of 16 bits scaled to 8", modes=told, count=deep) if deep else told,
    )
    turned = sum(look.turned for look in looks)
    yield (
        "orientation",
        said("{count:,} turned upright by their EXIF tag", count=turned)
        if turned
        else said("all upright"),
    )
    clear, frames = sum(look.transparent for look in looks), sum(look.frames for look in looks)
    if clear:
        yield "transparent", said("{count:,} put on white", count=clear)
    if frames:
        yield (
            "animated",
            said("{count:,} with several frames or pages: the first is read", count=frames),
        )


def _size(sides: Sequence[int]) -> str:
    return f"{sides[0]} × {sides[1]}"  # noqa: RUF001


def about_broken(broken: Sequence[Broken]) -> str:
    """Return which files cannot be read, with the reasons."""
    if not broken:
        return said("none")
    first = _first(broken)
    shown = "; ".join(f"{', '.join(names)} ({why})" for why, names in first.items())
    told = said("{count:,}, left out: {files}", count=len(broken), files=shown)
    left = len(broken) - sum(map(len, first.values()))
    return said("{told} and {left:,} more", told=told, left=left) if left > 0 else told


def _first(broken: Sequence[Broken]) -> dict[str, list[str]]:
    """Return the names of the first files with each reason: at most three of each."""
    found: dict[str, list[str]] = {}
    for one in broken:
        found.setdefault(one.reason, []).append(one.picture.name)
    return {reason: names[:MOST_SHOWN] for reason, names in list(found.items())[:MOST_SHOWN]}


def _why(picture: Picture, error: DataError) -> str:
    """Return the reason why a file cannot be read, without its name."""
    if isinstance(error.__cause__, FileNotFoundError):
        return said("there is no such file")
    reason = str(error).removeprefix(f"{picture.path} cannot be read as an image: ")
    return reason.partition("; ")[0].replace(str(picture.path), "it")
