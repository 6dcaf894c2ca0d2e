"""The options of the door for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # options are read from the types

from tuner.own.options import option

BACKBONES = ("resnet18", "resnet34", "resnet50", "mobilenet_v3_small", "efficientnet_b0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options of the door for pictures.

    Attributes:
        data: a folder with one folder per class, or with train, val and test that have such
            folders; or a CSV file.
        image: the column of the CSV with the names of the image files; `target` is the column to
            predict.
        group: a column; rows with the same value stay together.
        task: None to decide it by the target.
        size: pixels a side to which pictures are resized; None to choose it by the pictures.
        backbone: a network of torchvision that was trained on ImageNet; None for none.
        weights: a file with the backbone's weights; None to download torchvision's own.
        unfreeze: number of the backbone's last stages that the search may train; None for none, so
            that its features are computed once.
    """

    data: Path = option(
        "a folder with a folder of pictures for each class (or train/, val/, test/ with such "
        "folders), or a CSV file that names the pictures",
        metavar="PATH",
    )
    image: str | None = option(
        "with a CSV: the column with the files, relative to the CSV's folder",
        default=None,
        metavar="COLUMN",
    )
    target: str | None = option(
        "with a CSV: the column to predict; with --task multilabel a column of labels (its cells "
        "like cat|dog), or a column of yes and no for each label (cat,dog)",
        default=None,
        metavar="COLUMN",
    )
    group: str | None = option(
        "with a CSV: pictures with the same value here stay on one side of every split: patients, "
        "cameras",
        default=None,
        metavar="COLUMN",
    )
    task: str | None = option(
        "what the target of a CSV is (default: decided by its values; the output says which)",
        default=None,
        choices=("classification", "multilabel", "regression"),
    )
    size: int | None = option(
        "resize pictures to this many pixels a side (default: chosen by the pictures; 224 with a "
        "backbone)",
        default=None,
        metavar="PIXELS",
    )
    backbone: str | None = option(
        "train on the features of this network, pretrained on ImageNet",
        default=None,
        choices=BACKBONES,
    )
    weights: Path | None = option(
        "the backbone's weights: a .pth or .safetensors file with its state_dict (default: "
        "torchvision's, downloaded once)",
        default=None,
        metavar="FILE",
        lasting=True,
    )
    unfreeze: int | None = option(
        "with a backbone: let the search train up to this many of its last stages, 1 or 2, and the "
        "strength of augmentation (default: none, which takes a second a trial)",
        default=None,
        metavar="STAGES",
    )
