"""Turns a user's pictures into a data set: finds, checks, reads and splits them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from tuner.data.dataset import make_dataset
from tuner.data.examples import Examples
from tuner.data.sources.flowers102 import IMAGENET
from tuner.errors import DataError
from tuner.language import said
from tuner.own.images.alike import find_alike, of_one_scene, without_near
from tuner.own.images.cells import MULTILABEL
from tuner.own.images.inspection import about_alike, about_few, about_scene, about_target
from tuner.own.images.labels import label_targets, marks_of, strata_of
from tuner.own.images.listing import check_place, list_folder, refuse_for_folder
from tuner.own.images.pixels import (
    about_broken,
    about_looks,
    choose_shape,
    gather,
    look_through,
    read_pixels,
    refuse_too_many,
    statistics_of,
)
from tuner.own.images.sheet import list_sheet
from tuner.own.images.split import about_scheme, parts_of, scheme_for
from tuner.own.images.targets import as_numbers, is_numeric
from tuner.own.images.walking import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tuner.data.dataset import Dataset
    from tuner.data.examples import PixelStatistics
    from tuner.data.images import Look
    from tuner.data.sources.folders import Folders
    from tuner.own.images.alike import Alike
    from tuner.own.images.backbone import Backbone
    from tuner.own.images.given import Given
    from tuner.own.images.listing import Listing, Picture
    from tuner.own.images.pixels import Broken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """The pictures of a source, read.

    Attributes:
        pictures: that could be read, N.
        pixels: of these, (N, C, H, W) uint8, all of one shape.
        why: they have this shape, in words.
        looks: what the heads of their files say.
        broken: files that could not be read.
    """

    pictures: list[Picture]
    pixels: Tensor
    why: str
    looks: list[Look]
    broken: list[Broken]


def load(given: Given, folders: Folders) -> Dataset:
    """Find, check, read and split the pictures.

    Raises:
        UsageError: an option does not suit the data.
        DataError: the data cannot be used; the message says what to do in one line.
    """
    check_place(given.data)
    listing = _listed(given)
    pretrained = _backbone(given)
    backbone = None if given.unfreeze else pretrained  # whose features are all that is learnt on
    read = _read(given, listing, pretrained, folders)
    pictures = read.pictures
    classes, targets = _targets(given, pictures)
    marks = marks_of(targets, len(classes))
    alike, scene = _alike(read, targets)
    parts = parts_of(given, pictures, strata_of(targets), marks, classes, alike)
    features, seen_as = _features(read, backbone, folders)
    development, test = (
        _examples(features, targets, alike, pictures, numbers, folders)
        for numbers in (parts.development, parts.test)
    )
    scheme = scheme_for(development, classes)
    made = make_dataset(
        name=_name(given),
        source=said(
            "{data}: {count:,} pictures from {kind}",
            data=str(given.data),
            count=len(pictures),
            kind=listing.kind,
        ),
        development=development,
        test=test,
        validation=scheme,
        classes=classes,
        columns=backbone.columns if backbone else (),
        pixels=None if backbone else _pixels(development, pretrained),
    )
    inspection = (
        ("pictures", said("{count:,} from {kind}", count=len(pictures), kind=listing.kind)),
        ("left out", told(listing.left_out) or said("nothing")),
        ("unreadable", about_broken(read.broken)),
        *about_looks(read.looks),
        ("target", about_target(classes, targets)),
        *about_alike(alike, pictures, classes),
        ("split", said("{test}; {others}", test=parts.told, others=about_scheme(scheme))),
        ("read as", seen_as),
    )
    notes = [
        *listing.notes,
        *about_scene(scene, len(pictures)),
        *parts.notes,
        *about_few(classes, marks),
    ]
    findings = made.findings and replace(made.findings, told=notes)
    if findings and backbone:  # its features are not columns that a person could remove
        findings = replace(findings, constant=[], suspects={}, numbering=[])
    return replace(made, findings=findings, inspection=inspection)


def _name(given: Given) -> str:
    """Return the default name of a study on this data."""
    target = [given.data.stem, str(given.target)]
    parts = target if given.data.is_file() else [given.data.resolve().name or "images"]
    return "-".join([*parts, *filter(None, [given.backbone])])


def _backbone(given: Given) -> Backbone | None:
    """Return the backbone that the options name; checked first, because the rest takes time."""
    if given.backbone is None:
        return None
    from tuner.own.images.backbone import backbone_of  # imports torchvision

    return backbone_of(given)


def _read(given: Given, listing: Listing, pretrained: Backbone | None, folders: Folders) -> _Read:
    """Read all pictures, once their heads have told what shape suits them.

    Raises:
        DataError: too many cannot be read.
    """
    heads, broken = look_through(listing.pictures)
    refuse_too_many(given.data, broken, len(listing.pictures))
    shape, why = _shape(given, [look for _, look in heads], pretrained)
    pixels, pictures, unread = read_pixels([one for one, _ in heads], shape, folders.own)
    broken += unread
    refuse_too_many(given.data, broken, len(listing.pictures))
    known = set(pictures)
    looks = [look for picture, look in heads if picture in known]
    return _Read(pictures=pictures, pixels=pixels, why=why, looks=looks, broken=broken)


def _shape(
    given: Given, looks: Sequence[Look], pretrained: Backbone | None
) -> tuple[tuple[int, int, int], str]:
    """Choose the shape (C, H, W) to which pictures are read, and return the reason."""
    if pretrained is None:
        return choose_shape(looks, given.size)
    if given.unfreeze:
        (_, *sides), _ = choose_shape(looks, pretrained.size)
        why = said("as {network} takes them, to train it further", network=pretrained.identity)
        return (3, sides[0], sides[1]), why
    return choose_shape(looks, None)  # only for comparing pictures; the backbone reads the files


def _pixels(development: Examples, pretrained: Backbone | None) -> PixelStatistics:
    """Return the statistics that normalise pixels: a pretrained network's, or the data's own."""
    return IMAGENET if pretrained else statistics_of(development.features)


def _listed(given: Given) -> Listing:
    if given.data.is_file():
        return list_sheet(given)
    refuse_for_folder(given)
    return list_folder(given.data)


def _targets(given: Given, pictures: Sequence[Picture]) -> tuple[tuple[str, ...], Tensor]:
    """Return the sorted classes and a target for each picture; no classes for a regression."""
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


def _alike(read: _Read, targets: Tensor) -> tuple[Alike, int]:
    """Return which pictures are copies, and how many are alike whatever they show: of a scene."""
    together = [one.group for one in read.pictures]
    alike = find_alike(read.pixels, together)
    scene = of_one_scene(alike, targets.numpy())
    return (without_near(alike, together) if scene else alike), scene


def _features(read: _Read, backbone: Backbone | None, folders: Folders) -> tuple[Tensor, str]:
    """Return what is learnt on, (N, ...), and what that is in words: features, or the pixels."""
    if backbone:
        return backbone.features_of(read.pictures, read.pixels, folders.own), backbone.in_words
    channels, height, width = read.pixels.shape[1:]
    size = {"width": width, "height": height, "why": read.why}
    seen_as = (
        said("{width} × {height}, grey: {why}", **size)  # noqa: RUF001
        if channels == 1
        else said("{width} × {height}, in colour: {why}", **size)  # noqa: RUF001
    )
    return read.pixels, seen_as


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
