"""Several labels per picture, as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from tuner.data.examples import Examples
from tuner.errors import DataError
from tuner.language import said
from tuner.own.images.cells import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor


def label_targets(data: Path, texts: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """Return the sorted labels, and which of them each picture has: (N, labels) of 0 and 1.

    Raises:
        DataError: there are fewer than two labels.
    """
    rows = [set(filter(None, text.split(BETWEEN))) for text in texts]
    labels = tuple(sorted(set().union(*rows)))
    if len(labels) < 2:
        raise DataError(
            f"{data}: {len(labels)} label is used; several labels need two or more. For one, make "
            "a column of yes and no, and leave out --task multilabel"
        )
    places = {name: place for place, name in enumerate(labels)}
    found = torch.zeros(len(rows), len(labels), dtype=torch.int64)
    for number, row in enumerate(rows):
        found[number, [places[name] for name in row]] = 1
    return labels, found


def marks_of(targets: Tensor, classes: int) -> np.ndarray:
    """Return which classes or labels each row has: (N, classes) bool; (N, 0) for numbers."""
    several = targets.dim() == 2 and classes > 0
    found: np.ndarray = (
        targets.bool() if several else targets.view(-1, 1) == torch.arange(classes)
    ).numpy()
    return found


def strata_of(targets: Tensor) -> np.ndarray:
    """Return the strata that a split spreads evenly, (N,) int64; a single one for numbers."""
    strata = Examples(features=targets, targets=targets).strata()
    return np.zeros(len(targets), dtype=np.int64) if strata is None else strata.numpy()


def about_labels(targets: Tensor) -> str:
    """Return how many labels there are, and how many a picture has, in words."""
    counts, own = targets.sum(dim=0), targets.sum(dim=1)
    none = int((own == 0).sum())
    told = said(
        "{labels:,} labels of {least:,} to {most:,} pictures; a picture has {fewest:,} to "
        "{largest:,}, {mean:.1f} on average",
        labels=targets.shape[1],
        least=int(counts.min()),
        most=int(counts.max()),
        fewest=int(own.min()),
        largest=int(own.max()),
        mean=own.double().mean().item(),
    )
    return said("{told}, and {none:,} have none", told=told, none=none) if none else told
