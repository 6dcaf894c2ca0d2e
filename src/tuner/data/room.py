"""Storage for many rows: in memory, or in a mapped file if memory is short."""

from __future__ import annotations

import math
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from tuner.errors import DataError
from tuner.machine import usable_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

SHARE_OF_MEMORY = 0.25
AT_A_TIME = 1000  # rows that are read or copied together, at most
VALUES_AT_A_TIME = 2**24  # in these rows: as numbers of 8 bytes, 128 MiB


def rows_at_a_time(shape: tuple[int, ...], most: int = AT_A_TIME) -> int:
    """Return how many rows of a shape to read or copy together: fewer if they are large."""
    return max(1, min(most, VALUES_AT_A_TIME // max(1, math.prod(shape))))


@contextmanager
def read_whole(path: Path) -> Iterator[None]:
    """Turn a failure to fit a file into memory, in this context, into an error about the file.

    Raises:
        DataError: it does not fit.
    """
    try:
        yield
    except MemoryError as error:
        raise DataError(
            f"{path} ({path.stat().st_size / 2**20:,.0f} MiB) does not fit into memory, where it "
            "is read whole; leave out rows or columns, or use a machine with more memory"
        ) from error


def room_for(
    count: int,
    shape: tuple[int, ...],
    folder: Path,
    kind: torch.dtype = torch.uint8,
    memory: int | None = None,
) -> Tensor:
    """Return a tensor (count, *shape) to be filled: in memory, or in a mapped file.

    It is in memory if it needs at most a quarter of the memory that this process may use. Otherwise
    it is a file without a name, so nothing of it remains when the tensor is gone. The system may
    drop the file's pages from memory.

    Args:
        folder: for the file; it is made.
        memory: bytes that this process may use; None for what the machine, or a container, allows.

    Raises:
        DataError: the disk has no room for it.
    """
    size = count * math.prod(shape) * kind.itemsize
    if size <= SHARE_OF_MEMORY * (memory or usable_memory()):
        return torch.empty((count, *shape), dtype=kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # on macOS, a full disk shows later
                os.posix_fallocate(file.fileno(), 0, size)
            mapped = torch.from_file(file.name, shared=True, size=size // kind.itemsize, dtype=kind)
    except OSError as error:
        raise DataError(
            f"{size / 2**30:.1f} GiB of rows do not fit into {folder}: {error.strerror}; free "
            "some space, name another folder with --home, or take smaller rows (pictures: --size)"
        ) from error
    return mapped.view(count, *shape)
