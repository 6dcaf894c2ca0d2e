"""Several labels a picture: read from one cell of a CSV, or from a column of yes and no each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import torch

from tuner.data.examples import Examples
from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

MULTILABEL = "multilabel"  # as --task says it
SEVERAL = re.compile(r"\s*[|;]\s*")  # between the labels of one cell
BETWEEN = "|"  # the labels of a picture, as its target is kept
YES = {"1", "1.0", "true", "yes", "y", "x"}
NO = {"0", "0.0", "false", "no", "n", ""}


def labels_in_cell(place: int, _line: int, row: Sequence[str]) -> str:
    """Return the target of a row: the labels in one of its cells, each once, in their order."""
    return BETWEEN.join(sorted(set(filter(None, SEVERAL.split(row[place].strip())))))


def labels_in_columns(data: Path, places: Mapping[str, int], line: int, row: Sequence[str]) -> str:
    """Return the target of a row: the columns that say yes.

    Raises:
        DataError: a cell says neither yes nor no.
    """
    said = []
    for name, place in places.items():
        cell = row[place].strip().lower()
        if cell not in YES | NO:
            raise DataError(
                f"{data}, line {line}: label {name!r} is {row[place]!r}; write 1 or 0, or yes or no"
            )
        if cell in YES:
            said.append(name)
    return BETWEEN.join(sorted(said))


def label_targets(data: Path, texts: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """Return the labels, sorted, and which of them each picture has: (N, labels) of 0 and 1.

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
    """Return which classes or labels each row has: (N, classes) bool; of numbers (N, 0)."""
    several = targets.dim() == 2 and classes > 0
    found: np.ndarray = (
        targets.bool() if several else targets.view(-1, 1) == torch.arange(classes)
    ).numpy()
    return found


def strata_of(targets: Tensor) -> np.ndarray:
    """Return what a split spreads evenly, (N,) int64; of numbers, the same for all."""
    strata = Examples(features=targets, targets=targets).strata()
    return np.zeros(len(targets), dtype=np.int64) if strata is None else strata.numpy()


def about_labels(targets: Tensor) -> str:
    """Say how many labels there are, and how many a picture has."""
    counts, own = targets.sum(dim=0), targets.sum(dim=1)
    none = int((own == 0).sum())
    return (
        f"{targets.shape[1]:,} labels of {int(counts.min()):,} to {int(counts.max()):,} pictures; "
        f"a picture has {int(own.min()):,} to {int(own.max()):,}, {own.double().mean():.1f} on "
        f"average{f', and {none:,} have none' if none else ''}"
    )
