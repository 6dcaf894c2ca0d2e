"""How a case reads its input files: detected while its `load` runs, stored for predictions.

A model predicts as well as in training only if files are read in the same way. A case defines the
way with `Case.read`. Without it, all rows must be what `tuner.read_image` has returned. Any other
way is unknown and is not guessed: another crop or size would silently cost accuracy.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tuner.data.tensors import row_digests
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

READ_IMAGE = "tuner.read_image"  # the whole picture, resized
BY_CASE = "case"  # by the case's own `read`
BY_COLUMNS = "columns"  # a table: its columns are found by their names
UNKNOWN = "unknown"

_witnesses: list[set[bytes]] = []


@contextmanager
def witnessed() -> Iterator[set[bytes]]:
    """Collect the digests of all images that are noted in this context, in any thread."""
    seen: set[bytes] = set()
    _witnesses.append(seen)
    try:
        yield seen
    finally:
        _witnesses[:] = [one for one in _witnesses if one is not seen]


def remarks(reading: str) -> list[str]:
    """Return remarks, before anything trains, on what `predict` will not be able to do."""
    if reading != UNKNOWN:
        return []
    return [
        said(
            "The case loads its files in a way of its own, so `tuner predict` could not read new "
            "files in the same way. Give the Case a function `read` that reads one file as `load` "
            "does."
        )
    ]


def note(image: Tensor) -> None:
    """Note for all collectors that this image (C, H, W) was read."""
    if _witnesses:
        (digest,) = row_digests(image[None])
        for witness in _witnesses:
            witness.add(digest)


def how_read(features: Tensor, seen: set[bytes], *, own: bool, raw: bool = False) -> str:
    """Return the way in which rows were read.

    Args:
        features: of the development rows, (N, C, H, W) or (N, F).
        seen: digests of what `read_image` returned during loading.
        own: whether the case has a `read`.
        raw: whether rows are neither images nor tables, but tensors that the model gets unchanged.
    """
    if own:
        return BY_CASE
    if raw:
        return UNKNOWN
    if features.dim() == 2:
        return BY_COLUMNS
    return READ_IMAGE if seen and seen.issuperset(row_digests(features)) else UNKNOWN
