"""Splits pictures: chooses the test rows, and how the others are validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch

from tuner.data.splits import GroupFolds, Holdout, KFold, hold_out_groups, number_of_folds
from tuner.errors import DataError
from tuner.language import said
from tuner.own.images.listing import named
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.data.examples import Examples
    from tuner.data.splits import Scheme
    from tuner.own.images.alike import Alike
    from tuner.own.images.given import Given
    from tuner.own.images.listing import Picture

TEST_SHARE = 0.2
FOLDS = 5
ENOUGH = 1000  # development rows, from which on one part is held out instead of folds
MOST_HELD_OUT = 5000


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows for development and for the test.

    Attributes:
        development: row numbers (D,); `test` likewise.
        told: how they were chosen.
        notes: further remarks.
    """

    development: Tensor
    test: Tensor
    told: str
    notes: list[str] = field(default_factory=list)


def parts_of(
    given: Given,
    pictures: Sequence[Picture],
    strata: np.ndarray,
    marks: np.ndarray,
    classes: tuple[str, ...],
    alike: Alike,
) -> Parts:
    """Take the user's test rows, or choose some; copies stay on one side."""
    tested = np.array([one.part == "test" for one in pictures])
    if tested.any():
        copied = np.isin(alike.groups, alike.groups[tested]) & ~tested
        notes: list[str] = []
        if copied.any():
            some = [pictures[n].name for n in np.flatnonzero(copied).tolist()]
            notes.append(
                said(
                    "{count:,} development pictures are equal or nearly equal to a test picture, "
                    "and are left out: {names}.",
                    count=int(copied.sum()),
                    names=named(some),
                )
            )
        development = ~tested & ~copied
        _refuse_few(given, marks, development, classes, alike, 2)
        return Parts(_numbers(development), _numbers(tested), said("test/ as it is"), notes)
    everything = np.ones(len(pictures), dtype=bool)
    _refuse_few(given, marks, everything, classes, alike, 3)
    seed = derive(0, Stream.PICTURES_TEST)
    held = hold_out_groups(strata, alike.groups, TEST_SHARE, seed, keep=2)
    how = [
        *([said("the same share of each class")] if classes else []),
        *([said("whole groups")] if given.group else []),
        said("copies together"),
    ]
    told = said(
        "{count:,} of {total:,} pictures drawn for the test, {how}",
        count=int(held.sum()),
        total=len(held),
        how=", ".join(how),
    )
    return Parts(_numbers(~held), _numbers(held), told)


def _numbers(chosen: np.ndarray) -> Tensor:
    return torch.from_numpy(np.flatnonzero(chosen))


def _refuse_few(
    given: Given,
    marks: np.ndarray,
    rows: np.ndarray,
    classes: tuple[str, ...],
    alike: Alike,
    fewest: int,
) -> None:
    """Refuse classes with too few different pictures, or groups, to split."""
    what = "groups" if given.group else "different pictures"
    alone = "" if given.group else " Equal and nearly equal ones count as one."
    uses = "train, validate and test" if fewest == 3 else "train and validate"
    if not classes:
        if len(np.unique(alike.groups[rows])) < 2 * fewest:
            raise DataError(f"{given.data} has too few {what} to {uses}; add some.{alone}")
        return
    counts = {
        name: len(np.unique(alike.groups[rows & marks[:, number]]))
        for number, name in enumerate(classes)
    }
    if few := [name for name, count in counts.items() if count < fewest]:
        raise DataError(
            f"{given.data}: class {named(few)} {'has' if len(few) == 1 else 'have'} fewer than "
            f"{fewest} {what} ({', '.join(str(counts[name]) for name in few[:5])}); to {uses} "
            f"takes {fewest} of each.{alone} Add pictures, or leave the class out"
        )


def scheme_for(development: Examples, classes: tuple[str, ...]) -> Scheme:
    """Return one held-out part if there are enough rows; else folds, limited by small classes."""
    count = len(development)
    held = min(count // FOLDS, MOST_HELD_OUT)
    if count >= ENOUGH and 2 * len(classes) <= held:
        return Holdout(held)
    if classes:
        sizes = development.counts(len(classes))
        k = max(2, min(FOLDS, int(median(sizes))))
    else:
        k = FOLDS if count >= 2 * FOLDS else 2
    if development.groups is None:
        return KFold(k)
    return GroupFolds(min(k, int(development.groups.max()) + 1))


def about_scheme(scheme: Scheme) -> str:
    """Return how pictures are validated, in words."""
    if isinstance(scheme, Holdout):
        return said("{count:,} of the others are held out to validate", count=scheme.rows)
    return said("the others are validated in {folds} folds", folds=number_of_folds(scheme))
