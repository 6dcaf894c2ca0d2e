"""Finds pictures that are equal or nearly so: copies in training and test inflate the score.

Equal means equal in all pixels, at the size that the model sees. Nearly equal pictures are found in
two steps. A perceptual hash (dHash: is each cell of a grid of 9 by 8 brighter than its neighbour to
the right?) proposes pairs that differ in at most three of 64 bits. Then a comparison of 16 by 16
pixels in colour has to agree, because the hash alone would join pictures that share only a plain
background.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from tuner.data.room import rows_at_a_time
from tuner.data.tensors import row_digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

ROWS, COLUMNS, CELLS = 8, 9, 16
BANDS = 4  # of the hash: if two differ in BANDS - 1 bits, at least one band is equal
# Two compared pictures are nearly equal if their mean difference is at most this (of 255) and their
# correlation at least that. Among the 8,189 photos of Flowers-102 this finds 9 pairs, and each is
# of one photo. Among 10,000 digits of MNIST, which naturally look alike, it joins 5 pairs; with
# 0.985 it would join 413, nearly all of them ones.
DIFFERENCE, CORRELATION = 8.0, 0.995
PLAIN = 2.0  # standard deviation, of 255; below it a picture is plain and has no correlation
MOST = 0.5  # of all pictures: if this many are nearly equal, near equality tells nothing
CROWD = 200  # pictures with one equal band, up to which all their pairs are compared


@dataclass(frozen=True, slots=True)
class Alike:
    """The pictures that belong together.

    Attributes:
        groups: (N,) a number for each picture, the same for pictures joined by pairs.
        equal: pairs (first, later) with equal pixels; `near` are pairs of nearly equal pictures.
    """

    groups: NDArray[np.int64]
    equal: list[tuple[int, int]]
    near: list[tuple[int, int]]


def find_alike(pictures: Tensor, together: Sequence[str | None] = ()) -> Alike:
    """Find equal and nearly equal pictures (N, C, H, W) uint8.

    Args:
        together: for each picture, the name of its owner; pictures of one name belong together too.
    """
    equal = list(_equal(row_digests(pictures)))
    copies = {later for _, later in equal}
    near = list(_near(pictures, [n for n in range(len(pictures)) if n not in copies]))
    return Alike(_joined(len(pictures), [*equal, *near, *_named(together)]), equal, near)


def of_one_scene(alike: Alike, targets: NDArray[Any]) -> int:
    """Return the number of nearly equal pictures if near equality only shows a common scene.

    That is so for a fixed camera: a part with a scratch is nearly equal to one without. Returns 0
    if most pictures are not nearly equal, or have one target, or are equal in all pixels.

    Args:
        targets: of all pictures, (N, ...).
    """
    total = len(alike.groups)
    groups = _joined(total, [*alike.equal, *alike.near])
    largest = groups == np.bincount(groups).argmax()
    copies = np.bincount(_joined(total, alike.equal)).max()
    most, shows_one = MOST * total, len(np.unique(targets[largest], axis=0)) == 1
    return 0 if largest.sum() <= most or copies > most or shows_one else int(largest.sum())


def without_near(alike: Alike, together: Sequence[str | None] = ()) -> Alike:
    """Return the same pairs, joining only equal pictures and those with the same `together`."""
    groups = _joined(len(alike.groups), [*alike.equal, *_named(together)])
    return Alike(groups, alike.equal, alike.near)


def _named(together: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """Yield pairs (first, later) with the same name."""
    first: dict[str, int] = {}
    for number, name in enumerate(together):
        if name is not None:
            yield first.setdefault(name, number), number


def _joined(count: int, pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Return a number for each of `count` items, the same for items joined by pairs (N,)."""
    parents = list(range(count))
    for one, other in pairs:
        _join(parents, one, other)
    return np.array([_root(parents, number) for number in range(count)])


def _equal(digests: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    first: dict[bytes, int] = {}
    for number, digest in enumerate(digests):
        earlier = first.setdefault(digest, number)
        if earlier != number:
            yield earlier, number


def _near(pictures: Tensor, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of nearly equal pictures among these."""
    if len(numbers) < 2:
        return
    hashes, small = _hashes(pictures, numbers)
    seen: set[tuple[int, int]] = set()
    for one, other in _candidates(hashes):
        if (one, other) not in seen:
            seen.add((one, other))
            if _look_the_same(small[one], small[other]):
                yield numbers[one], numbers[other]


def _hashes(
    pictures: Tensor, numbers: Sequence[int]
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return hashes of these pictures (N, BANDS), and small versions of them (N, C, 256)."""
    bands, small = [], []
    for part in torch.tensor(numbers).split(rows_at_a_time(tuple(pictures.shape[1:]))):
        colours = pictures[part].float()
        grid = adaptive_avg_pool2d(colours.mean(dim=1, keepdim=True), (ROWS, COLUMNS))[:, 0]
        bits = (grid[:, :, 1:] > grid[:, :, :-1]).flatten(1).numpy()
        bands.append(np.packbits(bits, axis=1).view(np.uint16))
        cells = adaptive_avg_pool2d(colours, (CELLS, CELLS)).flatten(2)
        small.append(cells.round().to(torch.uint8).numpy())
    return np.concatenate(bands), np.concatenate(small)


def _candidates(hashes: NDArray[np.uint16]) -> Iterator[tuple[int, int]]:
    """Yield pairs that differ in few bits; in a crowd with one equal band, only equal hashes.

    The band of a crowd tells nothing, such as a plain border.
    """
    for band in range(hashes.shape[1]):
        for numbers in _buckets(hashes[:, band].tolist()):
            if len(numbers) > CROWD:
                whole = _buckets(list(map(bytes, hashes[numbers])))
                yield from (
                    (numbers[one], numbers[other])
                    for places in whole
                    for one, other in pairwise(places)
                )
                continue
            some = hashes[numbers]
            apart = np.bitwise_count(some[:, None] ^ some[None, :]).sum(axis=2)
            pairs = np.argwhere(np.triu(apart < BANDS, k=1))
            yield from ((numbers[one], numbers[other]) for one, other in pairs.tolist())


def _buckets(keys: Sequence[object]) -> Iterable[list[int]]:
    found: dict[object, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        found[key].append(number)
    return [numbers for numbers in found.values() if len(numbers) > 1]


def _look_the_same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two small versions of pictures (C, 256) are nearly equal."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    if np.abs(first - second).mean() > DIFFERENCE:
        return False
    first, second = (rows - rows.mean(axis=1, keepdims=True) for rows in (first, second))
    together = float((first * second).mean())
    spread = float(np.sqrt((first**2).mean() * (second**2).mean()))
    return spread >= PLAIN**2 and together >= CORRELATION * spread


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def _join(parents: list[int], one: int, other: int) -> None:
    low, high = sorted((_root(parents, one), _root(parents, other)))
    parents[high] = low
