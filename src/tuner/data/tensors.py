"""Stores tensors in files, with the operating system's own error on failure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from tuner.data.room import AT_A_TIME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


CHECKSUM = "sha256"


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors to a safetensors file, with a checksum.

    Raises:
        OSError: it cannot be written, for example because the disk is full.
    """
    written = _apart({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
    try:
        save_file(written, path, metadata={CHECKSUM: _checksum(written)})
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that share memory with another (tied weights): a file holds each completely."""
    found: dict[str, Tensor] = {}
    memory: set[int] = set()
    for name, tensor in tensors.items():
        address = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if address in memory else tensor
        memory.add(address)
    return found


def checksum_in(path: Path) -> str | None:
    """Return the checksum that `save_tensors` wrote into a file.

    Returns:
        The checksum; None if the file is damaged, or written by another program.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found: str | None = (file.metadata() or {}).get(CHECKSUM)
    except (OSError, SafetensorError):
        return None
    return found


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a file that `save_tensors` wrote, and check it.

    Raises:
        OSError: the file cannot be read.
        SafetensorError: it is cut short, or not such a file.
        ValueError: it was changed: its tensors do not match its checksum.
    """
    tensors: dict[str, Tensor] = load_file(path)
    expected = checksum_in(path)
    if expected not in {None, _checksum(tensors)}:  # None if another program wrote the file
        raise ValueError("its tensors do not have the checksum that they were written with")
    return tensors


def row_digests(rows: Tensor) -> list[bytes]:
    """Return a digest of each row's values (N, ...): equal for equal values; 0 equals -0."""
    found: list[bytes] = []
    for part in rows.detach().cpu().flatten(1).split(AT_A_TIME):
        values = part + 0.0 if part.is_floating_point() else part  # -0 becomes 0
        digests = (hashlib.blake2b(row.data, digest_size=16) for row in values.contiguous().numpy())
        found += [one.digest() for one in digests]
    return found


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.flatten()
        if flat.stride(-1) != 1:  # a single number may have any stride
            flat = flat.clone(memory_format=torch.contiguous_format)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
