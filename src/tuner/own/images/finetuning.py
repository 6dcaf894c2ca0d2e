"""A pretrained network whose last stages may be trained further, with a new head.

Two hyperparameters are how many stages are trained, and how much more slowly than the head they
learn (discriminative learning rates: Howard and Ruder 2018, "Universal Language Model Fine-tuning",
section 3.2). Frozen stages stay exactly as they were, including the statistics of their BatchNorm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, StepLR
from torchvision.models import get_model

from tuner.case.batch import Optimization
from tuner.case.contract import Hyperparameters
from tuner.models.cnn import Mirrored
from tuner.own.images.backbone import cut_head
from tuner.own.images.space import Scale

if TYPE_CHECKING:
    from optuna.trial import BaseTrial
    from torch import Tensor

    from tuner.case.contract import Shape
    from tuner.data.dataset import Dataset
    from tuner.own.images.backbone import Backbone

# Where the last two stages begin: names of layers, or indices among `features`.
BEGINNINGS: dict[str, tuple[str | int, str | int]] = {
    "resnet18": ("layer3", "layer4"),
    "resnet34": ("layer3", "layer4"),
    "resnet50": ("layer3", "layer4"),
    "mobilenet_v3_small": (4, 9),
    "efficientnet_b0": (4, 6),
}
STAGES = 2  # that can be trained
FEWER_EPOCHS = 4  # factor by which it needs fewer epochs than a network without pretraining
RISE = 0.2  # share of a one-cycle schedule in which the learning rate rises


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuningHyperparameters(Hyperparameters):
    """A head on a pretrained network. The defaults are the baseline: only a linear layer trains.

    Attributes:
        unfreeze: number of stages that are trained, counted from the last.
        backbone_rate: their learning rate, as a share of the head's; read only with unfreeze.
        hidden: units of a fully connected layer before the output; 0 for none.
        dropout: probability, before the output.
        augmentation: strength, 0 to 1.
        mirror: whether predictions average over an image and its mirror image.
    """

    batch_size: int = 32
    epochs: int = 5
    unfreeze: int = 0
    backbone_rate: float = 0.1
    hidden: int = 0
    dropout: float = 0.0
    augmentation: float = 0.0
    mirror: bool = False


class Frozen(nn.Module):
    """Layers that always run in evaluation mode, whatever is trained around them."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers.requires_grad_(requires_grad=False).eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002  # as torch calls it
        """Do nothing: BatchNorm keeps its statistics, and dropout drops nothing."""
        return super().train(mode=False)

    def forward(self, images: Tensor) -> Tensor:
        """Apply the layers without gradients."""
        with torch.no_grad():
            made: Tensor = self.layers(images)
        return made


class FineTuned(nn.Module):
    """A backbone in stages, some of them frozen, and a head: (N, 3, H, W) -> (N, outputs)."""

    def __init__(self, stages: list[nn.Module], head: nn.Module, unfreeze: int) -> None:
        super().__init__()
        kept = len(stages) - unfreeze
        self.stages = nn.ModuleList([*map(Frozen, stages[:kept]), *stages[kept:]])
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Apply all stages, then the head."""
        for stage in self.stages:
            images = stage(images)
        made: Tensor = self.head(images.flatten(1))
        return made

    def trained_stages(self) -> list[nn.Module]:
        """Return the stages that are trained."""
        return [stage for stage in self.stages if not isinstance(stage, Frozen)]

    def pretrained_stages(self) -> list[nn.Module]:
        """Return all stages, frozen or not, as they are in the original network."""
        return [stage.layers if isinstance(stage, Frozen) else stage for stage in self.stages]


def stages_of(network: nn.Module, name: str) -> list[nn.Module]:
    """Divide a torchvision network without its head into stages: (N, 3, H, W) -> (N, F, 1, 1).

    Returns:
        All layers that are never trained as one stage, then the last two stages.
    """
    if hasattr(network, "layer4"):
        parts = dict(network.named_children())
        parts.pop("fc")
    else:
        features, pool = network.get_submodule("features"), network.get_submodule("avgpool")
        parts = {**dict(features.named_children()), "avgpool": pool}
    names = list(parts)
    second, last = (names.index(str(place)) for place in BEGINNINGS[name])
    layers = list(parts.values())
    ends = [layers[:second], layers[second:last], layers[last:]]
    return [nn.Sequential(*some) for some in ends]


def build(name: str, hyperparameters: FineTuningHyperparameters, shape: Shape) -> nn.Module:
    """Make the network, with untrained stages: (N, 3, H, W) -> (N, outputs)."""
    network = get_model(name, weights=None)
    features = cut_head(network)
    head: list[nn.Module] = []
    if hyperparameters.hidden:
        head += [nn.Linear(features, hyperparameters.hidden), nn.ReLU()]
        features = hyperparameters.hidden
    head += [nn.Dropout(hyperparameters.dropout), nn.Linear(features, shape.outputs)]
    made = FineTuned(stages_of(network, name), nn.Sequential(*head), hyperparameters.unfreeze)
    return Mirrored(made) if hyperparameters.mirror else made


def start_from(backbone: Backbone, network: nn.Module) -> None:
    """Copy the weights of a pretrained network into the stages of a new one."""
    pretrained = stages_of(backbone.network, backbone.name)
    for stage, weights in zip(_tuned(network).pretrained_stages(), pretrained, strict=True):
        stage.load_state_dict(weights.state_dict())


def optimizer(
    network: nn.Module, hyperparameters: FineTuningHyperparameters, steps: int
) -> Optimization:
    """Make Adam or AdamW, with a lower learning rate for the backbone than for the head."""
    tuned = _tuned(network)
    rates = [hyperparameters.learning_rate]
    groups = [list(tuned.head.parameters())]
    for stage in tuned.trained_stages():
        rates.append(hyperparameters.learning_rate * hyperparameters.backbone_rate)
        groups.append(list(stage.parameters()))
    kind = torch.optim.AdamW if hyperparameters.optimizer == "adamw" else torch.optim.Adam
    made = kind(
        [{"params": some, "lr": rate} for some, rate in zip(groups, rates, strict=True)],
        weight_decay=hyperparameters.weight_decay,
        fused=True,
    )
    if hyperparameters.one_cycle:
        length = hyperparameters.epochs * steps
        cycle = OneCycleLR(
            made, max_lr=rates, total_steps=length, pct_start=RISE, cycle_momentum=False
        )
        return Optimization(optimizer=made, each_batch=cycle)
    if hyperparameters.step_lr:
        falling = StepLR(made, hyperparameters.step_size, hyperparameters.gamma)
        return Optimization(optimizer=made, each_epoch=falling)
    return Optimization(optimizer=made)


def _tuned(network: nn.Module) -> FineTuned:
    found = network.network if isinstance(network, Mirrored) else network
    if not isinstance(found, FineTuned):
        raise TypeError(f"{type(found).__name__} is not a network that `build` makes")
    return found


@dataclass(frozen=True, slots=True)
class FineTuningSpace:
    """The part of the search space that depends on the data and the options.

    Attributes:
        unfreeze: the most stages to train.
        epochs: the most epochs.
        classes: whether targets are classes, for which labels can be smoothed.
    """

    unfreeze: int
    epochs: int
    classes: bool

    @classmethod
    def of(cls, unfreeze: int, data: Dataset | None) -> Self:
        """Return the space for a data set; without one, a space that contains all others.

        The most epochs are 40 for 100 rows, 14 for 1,000 and 5 for 10,000.
        """
        scale = Scale.widest() if data is None else Scale.of(data)
        return cls(unfreeze, max(5, scale.epochs // FEWER_EPOCHS), scale.classes)

    @property
    def baseline(self) -> FineTuningHyperparameters:
        """A linear layer on the frozen network."""
        return FineTuningHyperparameters()

    @property
    def recipe(self) -> FineTuningHyperparameters:
        """A textbook's recipe: the last stage learns too, ten times more slowly."""
        return FineTuningHyperparameters(
            unfreeze=1,
            optimizer="adamw",
            weight_decay=1e-2,
            one_cycle=True,
            epochs=min(10, self.epochs),
            augmentation=0.3,
            mirror=True,
            label_smoothing=0.1 if self.classes else 0.0,
        )

    def suggest(self, trial: BaseTrial) -> FineTuningHyperparameters:
        """Draw from the search space."""
        baseline = self.baseline
        unfreeze = trial.suggest_int("unfreeze", 0, self.unfreeze)
        step_lr = trial.suggest_categorical("step_lr", (False, True))
        return FineTuningHyperparameters(
            unfreeze=unfreeze,
            backbone_rate=trial.suggest_float("backbone_rate", 0.01, 1.0, log=True)
            if unfreeze
            else baseline.backbone_rate,
            hidden=trial.suggest_categorical("hidden", (0, 128, 256)),
            dropout=trial.suggest_float("dropout", 0.0, 0.6),
            augmentation=trial.suggest_float("augmentation", 0.0, 1.0),
            mirror=trial.suggest_categorical("mirror", (False, True)),
            label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.2)
            if self.classes
            else baseline.label_smoothing,
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
            weight_decay=trial.suggest_categorical("weight_decay", (0.0, 1e-4, 1e-3, 1e-2, 5e-2)),
            optimizer=trial.suggest_categorical("optimizer", ("adam", "adamw")),
            batch_size=trial.suggest_categorical("batch_size", (8, 16, 32)),
            epochs=trial.suggest_int("epochs", 2, self.epochs),
            step_lr=step_lr,
            step_size=trial.suggest_int("step_size", 1, 10) if step_lr else baseline.step_size,
            gamma=trial.suggest_float("gamma", 0.1, 0.7) if step_lr else baseline.gamma,
            one_cycle=not step_lr and trial.suggest_categorical("one_cycle", (False, True)),
        )
