"""Room for many rows: in memory, or in a file that is mapped where memory is short."""

from __future__ import annotations

import math
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

SHARE_OF_MEMORY = 0.25
AT_A_TIME = 1000  # rows that are looked at or copied together


@contextmanager
def read_whole(path: Path) -> Iterator[None]:
    """Say that a file does not fit into memory, where that is what happens inside.

    Raises:
        DataError: it does not.
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
    """Return a tensor (count, *shape) to be filled: in memory, or in a file that is mapped.

    Up to a quarter of the machine's memory is taken from memory. More is a file without a name, so
    nothing of it is left when the tensor is gone. Pages of the file are the system's to drop.

    Args:
        folder: that the file lies in; it is made.
        memory: bytes of this machine; None: as many as it has.

    Raises:
        DataError: the disk has no room for it.
    """
    size = count * math.prod(shape) * kind.itemsize
    memory = memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size <= SHARE_OF_MEMORY * memory:
        return torch.empty((count, *shape), dtype=kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # not on macOS, where a full disk shows later
                os.posix_fallocate(file.fileno(), 0, size)
            mapped = torch.from_file(file.name, shared=True, size=size // kind.itemsize, dtype=kind)
    except OSError as error:
        raise DataError(
            f"{size / 2**30:.1f} GiB of rows do not fit into {folder}: {error.strerror}; free "
            "some space, name another folder with --home, or take smaller rows (pictures: --size)"
        ) from error
    return mapped.view(count, *shape)
