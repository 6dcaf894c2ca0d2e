"""Reports on pictures: the target, copies, and what makes scores doubtful."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from tuner.language import nsaid, said
from tuner.own.images.labels import about_labels
from tuner.own.images.listing import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor

    from tuner.own.images.alike import Alike
    from tuner.own.images.listing import Picture

FEW = 10  # pictures of a class: fewer are worth a word


def about_target(classes: tuple[str, ...], targets: Tensor) -> str:
    """Return the number and sizes of the classes, or the range of a numeric target.

    Args:
        classes: names; empty for numbers.
        targets: (N,) classes, (N, labels) of a multilabel one, (N, 1) numbers.
    """
    if not classes:
        return said(
            "a number from {least:g} to {most:g}, {count:,} different: a regression",
            least=targets.min().item(),
            most=targets.max().item(),
            count=targets.unique().numel(),
        )
    if targets.dim() == 2:
        return about_labels(targets)
    counts = targets.bincount(minlength=len(classes)).tolist()
    least, most = min(counts), max(counts)
    if least == most:
        return said("{count:,} classes of {least:,} pictures each", count=len(classes), least=least)
    return said(
        "{count:,} classes of {least:,} to {most:,} pictures, half of them up to {middle:,}",
        count=len(classes),
        least=least,
        most=most,
        middle=int(median(counts)),
    )


def about_alike(
    alike: Alike, pictures: Sequence[Picture], classes: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Count copies, and name those that have another target or stand in another part."""
    pairs = [*alike.equal, *alike.near]
    about = said(
        "{equal:,} equal in all pixels, {near:,} nearly equal",
        equal=len(alike.equal),
        near=len(alike.near),
    )
    found: list[tuple[str, str]] = [("copies", about)]
    across = sum(pictures[one].part != pictures[other].part for one, other in pairs)
    if any(picture.part for picture in pictures):
        found.append(("copies across parts", f"{across:,}"))
    signs = [*["="] * len(alike.equal), *["≈"] * len(alike.near)]
    differ = [
        f"{pictures[one].name} {sign} {pictures[other].name}"
        for (one, other), sign in zip(pairs, signs, strict=True)
        if pictures[one].target != pictures[other].target
    ]
    if classes:
        named_pairs = f": {named(differ, 3)}" if differ else ""
        found.append(("copies with another class", f"{len(differ):,}{named_pairs}"))
    return found


def about_scene(count: int, total: int) -> list[str]:
    """Warn of pictures that are alike whatever they show.

    Args:
        count: of these; 0: there are none.
        total: of all pictures.
    """
    if not count:
        return []
    return [
        said(
            "{count:,} of {total:,} pictures are nearly equal to each other whatever they show, as "
            "those of a fixed camera are. So only equal ones are kept on one side of every split. "
            "Where some are frames of one film, name a column that says so with --group, in a CSV "
            "file; otherwise the scores are too good.",
            count=count,
            total=total,
        )
    ]


def about_few(classes: tuple[str, ...], marks: np.ndarray) -> list[str]:
    """Warn of classes that have few pictures.

    Args:
        marks: which picture has which class or label, (N, classes).
    """
    counts = marks.sum(axis=0)
    few = [name for number, name in enumerate(classes) if counts[number] < FEW]
    if not few:
        return []
    return [
        nsaid(
            "There are fewer than {fewest} pictures of {names}, so what a model learns about it is "
            "little more than luck.",
            "There are fewer than {fewest} pictures of {names}, so what a model learns about them "
            "is little more than luck.",
            len(few),
            fewest=FEW,
            names=named(few),
        )
    ]
