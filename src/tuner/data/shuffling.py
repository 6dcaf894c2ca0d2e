"""Shuffles the targets of a data set's development rows, so that there is nothing to find."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from tuner.data.dataset import Dataset


def shuffled(dataset: Dataset, seed: int) -> Dataset:
    """Return a data set with the targets of its development rows permuted.

    Features, groups and the mix of targets stay the same, and so do the test rows, which are not
    opened: only the relation between features and targets is removed. The targets of a group stay
    together, as far as groups have the same size. Otherwise a score would depend on all rows,
    whereas the score on the original targets depends on a few groups, and the luck of a search
    would look far smaller than it is.

    Args:
        seed: of the study.
    """
    rows = dataset.development
    draw = torch.Generator().manual_seed(derive(seed, Stream.SHUFFLED))
    if rows.groups is None:
        order, how = torch.randperm(len(rows), generator=draw), "targets shuffled"
    else:
        order, how = _by_group(rows.groups, draw), "targets shuffled by group"
    told = f"{dataset.fingerprint}, {how}, {seed}"
    return replace(
        dataset,
        source=f"{dataset.source}, with the targets of its development rows shuffled",
        development=replace(rows, targets=rows.targets[order]),
        findings=None,
        inspection=(),
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
    )


def _by_group(groups: Tensor, draw: Generator) -> Tensor:
    """Return for each row the row whose target it gets: group by group, in random order."""
    order = torch.empty(len(groups), dtype=torch.int64)
    order[_in_a_row(groups, draw)] = _in_a_row(groups, draw)
    return order


def _in_a_row(groups: Tensor, draw: Generator) -> Tensor:
    """Return the numbers of all rows, with those of a group together, otherwise random."""
    found, numbers = groups.unique(return_inverse=True)
    places = torch.randperm(len(found), generator=draw)[numbers]
    rows = torch.randperm(len(groups), generator=draw)
    return rows[places[rows].argsort(stable=True)]
