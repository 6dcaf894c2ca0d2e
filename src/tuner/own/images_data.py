"""From what a person has to a data set: pictures are found, looked through, read and split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch

from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.flowers102 import IMAGENET
from tuner.data.splits import GroupFolds, Holdout, KFold, hold_out_groups, number_of_folds
from tuner.errors import DataError, UsageError
from tuner.own.images_alike import find_alike
from tuner.own.images_labels import (
    MULTILABEL,
    about_labels,
    label_targets,
    marks_of,
    strata_of,
)
from tuner.own.images_listing import check_place, list_folder, named, told
from tuner.own.images_pixels import (
    about_broken,
    about_looks,
    choose_shape,
    gather,
    look_through,
    read_pixels,
    refuse_too_many,
    statistics_of,
)
from tuner.own.images_sheet import as_numbers, is_numeric, list_sheet
from tuner.seeds import Stream, derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.data.dataset import Dataset
    from tuner.data.examples import PixelStatistics
    from tuner.data.images import Look
    from tuner.data.sources.folders import Folders
    from tuner.data.splits import Scheme
    from tuner.own.images import Given
    from tuner.own.images_alike import Alike
    from tuner.own.images_backbone import Backbone
    from tuner.own.images_listing import Listing, Picture

TEST_SHARE = 0.2
FOLDS = 5
ENOUGH = 1000  # development rows, from which one part is held out instead of folds
MOST_HELD_OUT = 5000
FEW = 10  # pictures of a class: fewer are worth a word


@dataclass(frozen=True, slots=True)
class Parts:
    """Which rows are for development, and which are tested on.

    Attributes:
        development: row numbers (D,); so is `test`.
        told: how they were chosen.
        notes: what else to say.
    """

    development: Tensor
    test: Tensor
    told: str
    notes: list[str] = field(default_factory=list)


def load(given: Given, folders: Folders) -> Dataset:
    """Find, look through, read and split the pictures.

    Raises:
        UsageError: an option does not fit the data.
        DataError: the data cannot be used; one line says what to do.
    """
    check_place(given.data)
    listing = _listed(given)
    pretrained = _backbone(given)
    backbone = None if given.unfreeze else pretrained  # whose features are all that is learnt on
    heads, broken = look_through(listing.pictures)
    refuse_too_many(given.data, broken, len(listing.pictures))
    looks = [look for _, look in heads]
    shape, why = _shape(given, looks, pretrained)
    pixels, pictures, unread = read_pixels([one for one, _ in heads], shape, folders.own)
    broken += unread
    refuse_too_many(given.data, broken, len(listing.pictures))
    classes, targets = _targets(given, pictures)
    marks = marks_of(targets, len(classes))
    alike = find_alike(pixels, [one.group for one in pictures])
    parts = _parts(given, pictures, strata_of(targets), marks, classes, alike)
    if backbone:
        seen_as = backbone.in_words
        features = backbone.features_of(pictures, pixels, folders.own)
    else:
        colour = "grey" if shape[0] == 1 else "in colour"
        seen_as = f"{shape[2]} × {shape[1]}, {colour}: {why}"  # noqa: RUF001
        features = pixels
    development, test = (
        _examples(features, targets, alike, pictures, numbers, folders)
        for numbers in (parts.development, parts.test)
    )
    scheme = _scheme(development, classes)
    made = make_dataset(
        name=_name(given),
        source=f"{given.data}: {len(pictures):,} pictures from {listing.kind}",
        development=development,
        test=test,
        validation=scheme,
        classes=classes,
        columns=backbone.columns if backbone else (),
        pixels=None if backbone else _pixels(development, pretrained),
    )
    inspection = (
        ("pictures", f"{len(pictures):,} from {listing.kind}"),
        ("left out", told(listing.left_out) or "nothing"),
        ("unreadable", about_broken(broken)),
        *about_looks(looks),
        ("target", _about_target(classes, targets)),
        *_about_alike(alike, pictures, classes),
        ("split", f"{parts.told}; {_about_scheme(scheme)}"),
        ("read as", seen_as),
    )
    notes = [*listing.notes, *parts.notes, *_about_few(classes, marks)]
    findings = made.findings and replace(made.findings, told=notes)
    if findings and backbone:  # its features are no columns that a person could remove
        findings = replace(findings, constant=[], suspects={}, numbering=[])
    return replace(made, findings=findings, inspection=inspection)


def _name(given: Given) -> str:
    """Return the name of a study of this data that is given none."""
    target = [given.data.stem, str(given.target)]
    parts = target if given.data.is_file() else [given.data.resolve().name or "images"]
    return "-".join([*parts, *filter(None, [given.backbone])])


def _backbone(given: Given) -> Backbone | None:
    """Return the backbone that was asked for, before anything else takes time."""
    if given.backbone is None:
        return None
    from tuner.own.images_backbone import backbone_of  # imports torchvision

    return backbone_of(given)


def _shape(
    given: Given, looks: Sequence[Look], pretrained: Backbone | None
) -> tuple[tuple[int, int, int], str]:
    """Choose what pictures are read as, (C, H, W), and say why."""
    if pretrained is None:
        return choose_shape(looks, given.size)
    if given.unfreeze:
        (_, *sides), _ = choose_shape(looks, pretrained.size)
        return (3, sides[0], sides[1]), f"as {pretrained.identity} takes them, to train it further"
    return choose_shape(looks, None)  # to compare pictures; its features are made of the files


def _pixels(development: Examples, pretrained: Backbone | None) -> PixelStatistics:
    """Return how pixels are normalised: as a pretrained network knows them, or by themselves."""
    return IMAGENET if pretrained else statistics_of(development.features)


def _listed(given: Given) -> Listing:
    if given.data.is_file():
        return list_sheet(given)
    for option in ("image", "target", "group", "task"):
        if getattr(given, option) is not None:
            raise UsageError(
                f"--{option} is for a CSV file, and {given.data} is a folder, whose folders are "
                f"the classes; leave --{option} out, or name a CSV file with --data"
            )
    return list_folder(given.data)


def _targets(given: Given, pictures: Sequence[Picture]) -> tuple[tuple[str, ...], Tensor]:
    """Return the classes, sorted, and a target for each picture; of a regression no classes."""
    texts = [one.target for one in pictures]
    if given.task == MULTILABEL:
        return label_targets(given.data, texts)
    regression = given.task == "regression" or (
        given.task is None and given.data.is_file() and is_numeric(texts)
    )
    if regression:
        numbers = as_numbers(given.data, pictures)
        return (), torch.tensor(numbers, dtype=torch.float64).view(-1, 1)
    classes = tuple(sorted(set(texts)))
    if len(classes) < 2:
        raise DataError(
            f"{given.data}: all pictures have the target {texts[0]!r}; there is nothing to tell "
            "apart. Add pictures of another class"
        )
    if given.data.is_file() and len(classes) > len(texts) / 2:
        raise DataError(
            f"{given.data}: {len(texts):,} pictures have {len(classes):,} different targets, so "
            "most classes have one picture; a class needs at least three. Is it the right column?"
        )
    places = {name: place for place, name in enumerate(classes)}
    return classes, torch.tensor([places[text] for text in texts])


def _parts(
    given: Given,
    pictures: Sequence[Picture],
    strata: np.ndarray,
    marks: np.ndarray,
    classes: tuple[str, ...],
    alike: Alike,
) -> Parts:
    """Take the test rows that a person has chosen, or choose some; copies stay on one side."""
    tested = np.array([one.part == "test" for one in pictures])
    if tested.any():
        copied = np.isin(alike.groups, alike.groups[tested]) & ~tested
        notes = []
        if copied.any():
            some = [pictures[n].name for n in np.flatnonzero(copied).tolist()]
            notes.append(
                f"{copied.sum():,} development pictures are equal or nearly equal to a test "
                f"picture, and are left out: {named(some)}."
            )
        development = ~tested & ~copied
        _refuse_few(given, marks, development, classes, alike, 2)
        return Parts(_numbers(development), _numbers(tested), "test/ as it is", notes)
    everything = np.ones(len(pictures), dtype=bool)
    _refuse_few(given, marks, everything, classes, alike, 3)
    seed = derive(0, Stream.PICTURES_TEST)
    held = hold_out_groups(strata, alike.groups, TEST_SHARE, seed, keep=2)
    said = (
        f"{held.sum():,} of {len(held):,} pictures drawn for the test"
        f"{', the same share of each class' if classes else ''}"
        f"{', whole groups' if given.group else ''}, copies together"
    )
    return Parts(_numbers(~held), _numbers(held), said)


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
    """Refuse classes of which too few different pictures, or groups, are left to split."""
    what = "groups" if given.group else "different pictures"
    uses = "train, validate and test" if fewest == 3 else "train and validate"
    if not classes:
        if len(np.unique(alike.groups[rows])) < 2 * fewest:
            raise DataError(f"{given.data} has too few {what} to {uses}; add some")
        return
    counts = {
        name: len(np.unique(alike.groups[rows & marks[:, number]]))
        for number, name in enumerate(classes)
    }
    if few := [name for name, count in counts.items() if count < fewest]:
        raise DataError(
            f"{given.data}: class {named(few)} {'has' if len(few) == 1 else 'have'} fewer than "
            f"{fewest} {what} ({', '.join(str(counts[name]) for name in few[:5])}); to {uses} "
            f"takes {fewest} of each. Add pictures, or leave the class out"
        )


def _examples(
    rows: Tensor,
    targets: Tensor,
    alike: Alike,
    pictures: Sequence[Picture],
    numbers: Tensor,
    folders: Folders,
) -> Examples:
    _, places, counts = np.unique(
        alike.groups[numbers.numpy()], return_inverse=True, return_counts=True
    )
    return Examples(
        features=gather(rows, numbers, folders.own),
        targets=targets[numbers],
        groups=torch.from_numpy(places).long() if (counts > 1).any() else None,
        names=tuple(pictures[n].name for n in numbers.tolist()),
    )


def _scheme(development: Examples, classes: tuple[str, ...]) -> Scheme:
    """Hold one part out where there is enough; else folds, no more than most classes have rows."""
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


def _about_target(classes: tuple[str, ...], targets: Tensor) -> str:
    if not classes:
        return (
            f"a number from {targets.min():g} to {targets.max():g}, {targets.unique().numel():,} "
            "different: a regression"
        )
    if targets.dim() == 2:
        return about_labels(targets)
    counts = targets.bincount(minlength=len(classes)).tolist()
    least, most = min(counts), max(counts)
    if least == most:
        return f"{len(classes):,} classes of {least:,} pictures each"
    return (
        f"{len(classes):,} classes of {least:,} to {most:,} pictures, half of them up to "
        f"{int(median(counts)):,}"
    )


def _about_alike(
    alike: Alike, pictures: Sequence[Picture], classes: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Count copies, and name those that have another target or stand in another part."""
    pairs = [*alike.equal, *alike.near]
    found = [
        ("copies", f"{len(alike.equal):,} equal in all pixels, {len(alike.near):,} nearly equal")
    ]
    across = sum(pictures[one].part != pictures[other].part for one, other in pairs)
    if any(picture.part for picture in pictures):
        found.append(("copies across parts", f"{across:,}"))
    differ = [
        f"{pictures[one].name} and {pictures[other].name}"
        for one, other in pairs
        if pictures[one].target != pictures[other].target
    ]
    if classes:
        named_pairs = f": {named(differ, 3)}" if differ else ""
        found.append(("copies with another class", f"{len(differ):,}{named_pairs}"))
    return found


def _about_scheme(scheme: Scheme) -> str:
    if isinstance(scheme, Holdout):
        return f"{scheme.rows:,} of the others are held out to validate"
    return f"the others are validated in {number_of_folds(scheme)} folds"


def _about_few(classes: tuple[str, ...], marks: np.ndarray) -> list[str]:
    counts = marks.sum(axis=0)
    few = [name for number, name in enumerate(classes) if counts[number] < FEW]
    if not few:
        return []
    return [
        f"Of {named(few)} there are fewer than {FEW} pictures; what is learnt of "
        f"{'it' if len(few) == 1 else 'them'} is little more than luck."
    ]
