"""A data set in which there is nothing to find: its development rows with shuffled targets."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from tuner.data.dataset import Dataset


def shuffled(dataset: Dataset, seed: int) -> Dataset:
    """Return a data set with the targets of its development rows permuted.

    Features, groups and the mix of targets stay as they are, and so do the test rows, which are not
    opened: only what features say of a row's target is gone.

    Args:
        seed: of the study.
    """
    rows = dataset.development
    draw = torch.Generator().manual_seed(derive(seed, Stream.SHUFFLED))
    order = torch.randperm(len(rows), generator=draw)
    told = f"{dataset.fingerprint}, targets shuffled, {seed}"
    return replace(
        dataset,
        source=f"{dataset.source}, with the targets of its development rows shuffled",
        development=replace(rows, targets=rows.targets[order]),
        findings=None,
        inspection=(),
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
    )
