"""The case of the door for pictures, before and after its data is known."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tuner.case.contract import Case
from tuner.errors import UsageError
from tuner.models.cnn import augment_photos
from tuner.models.mlp import build_mlp
from tuner.models.photos import build_photo_cnn
from tuner.own.images.data import load
from tuner.own.images.space import HEAD, HEAD_RECIPE, Scale, suggest_head

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from tuner.data.dataset import Dataset
    from tuner.own.images.given import Given

NAME = "images"
MOST_UNFROZEN = 2  # stages of a backbone
MANY, POINTS = 20_000, 4  # rows from which an epoch is validated so often


def make_case(given: Given) -> Case:
    """Return the case; task, arms and space are settled once its data is loaded.

    Until then, its space has every configuration that any data allows, so that a bundle can be
    checked against it.

    Raises:
        UsageError: the options contradict each other.
    """
    if given.weights is not None and given.backbone is None:
        raise UsageError("--weights is for a pretrained network; name it with --backbone")
    if given.unfreeze is not None:
        if given.backbone is None:
            raise UsageError("--unfreeze is for a pretrained network; name it with --backbone")
        if not 1 <= given.unfreeze <= MOST_UNFROZEN:
            raise UsageError(
                f"--unfreeze {given.unfreeze} is not 1 or {MOST_UNFROZEN}; leave it out to train "
                "a head alone"
            )
        return _fine_tuned(given, None)
    return _with_backbone(given, None) if given.backbone else _case(given, None)


def _case(given: Given, data: Dataset | None) -> Case:
    scale = Scale.widest() if data is None else Scale.of(data)
    return Case(
        name=NAME,
        task=data.task if data else "classification",
        baseline=scale.baseline,
        recipe=scale.recipe,
        suggest=scale.suggest,
        load=partial(load, given),
        build=build_photo_cnn,
        augment=augment_photos,
        points_per_epoch=POINTS if data and len(data.development) >= MANY else 1,
        settle=partial(_case, given),
    )


def _with_backbone(given: Given, data: Dataset | None) -> Case:
    """Return the case of a head on the features of a frozen network."""
    return Case(
        name=NAME,
        task=data.task if data else "classification",
        baseline=HEAD,
        recipe=HEAD_RECIPE,
        suggest=suggest_head,
        load=partial(load, given),
        build=build_mlp,
        read=partial(_read, given),
        settle=partial(_with_backbone, given),
        accepts=partial(_accepts, given),
    )


def _fine_tuned(given: Given, data: Dataset | None) -> Case:
    """Return the case of a pretrained network whose last stages may be trained.

    Its weights are read once the data is loaded; a bundle has its own.
    """
    from tuner.own.images import finetuning as tuning  # imports torchvision
    from tuner.own.images.backbone import backbone_of

    scale = tuning.FineTuningSpace.of(given.unfreeze or 0, data)
    return Case(
        name=NAME,
        task=data.task if data else "classification",
        baseline=scale.baseline,
        recipe=scale.recipe,
        suggest=scale.suggest,
        load=partial(load, given),
        build=partial(tuning.build, str(given.backbone)),
        initialise=partial(_start, given),
        starts_from=backbone_of(given).identity if data else "",
        optimizer=tuning.optimizer,
        augment=augment_photos,
        points_per_epoch=POINTS if data and len(data.development) >= MANY else 1,
        settle=partial(_fine_tuned, given),
    )


def _start(given: Given, network: nn.Module) -> None:
    from tuner.own.images.backbone import backbone_of
    from tuner.own.images.finetuning import start_from

    start_from(backbone_of(given), network)


def _read(given: Given, path: Path) -> Tensor:
    """Return the features of one picture (F,)."""
    from tuner.own.images.backbone import backbone_of  # imports torchvision

    return backbone_of(given).read(path)


def _accepts(given: Given, columns: tuple[str, ...]) -> str | None:
    from tuner.own.images.backbone import backbone_of

    backbone = backbone_of(given)
    if backbone.columns == columns:
        return None
    there = columns[0].rpartition(".")[0] if columns else "no features"
    file = given.weights or "torchvision's weights"
    return (
        f"it was trained on features of {there}, and {file} gives those of "
        f"{backbone.columns[0].rpartition('.')[0]}; put the weights that it was trained with there"
    )
