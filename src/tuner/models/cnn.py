"""Small convolutional networks for small images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from tuner.case.contract import Hyperparameters
from tuner.data.augment import move, recolour

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from tuner.case.contract import Shape

KERNEL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CNNHyperparameters(Hyperparameters):
    """A stack of convolution blocks and a head.

    >>> CNNHyperparameters(depth=3, batch_norm=True).width
    32

    Attributes:
        depth: number of blocks, each with a 2x2 max pooling at its end.
        width: channels of the first block; each further block has twice as many.
        convolutions: 3x3 convolutions in a block, each with ReLU.
        padding: a convolution keeps the size of its map; off: it loses the border.
        batch_norm: normalise after each convolution, and in the hidden layer.
        pool_first: normalise after the pooling, on a quarter of the numbers; off: before it.
        head: "flatten" the last maps, "average" each of them (global average pooling), or take the
            average and the largest value of each ("both").
        hidden: units of a fully connected layer before the output; 0 for none.
        dropout: probability, before the output.
        augmentation: strength, 0 to 1.
        mirror: when predicting, take the mean over an image and its mirror image.
    """

    depth: int = 2
    width: int = 32
    convolutions: int = 1
    padding: bool = False
    batch_norm: bool = False
    pool_first: bool = False
    head: str = "flatten"
    hidden: int = 128
    dropout: float = 0.0
    augmentation: float = 0.0
    mirror: bool = False


class Both(nn.Module):
    """Average and maximum of each map, like `AdaptiveConcatPool2d` of fastai.

    Howard and Gugger 2020, arXiv:2002.04688. With the maximum, a small part of an image counts
    fully.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Pool the maps: (N, C, H, W) -> (N, 2C, 1, 1)."""
        dims = -2, -1
        return torch.cat((maps.mean(dims, keepdim=True), maps.amax(dims, keepdim=True)), dim=1)


class Mirrored(nn.Module):
    """A network that trains on images as they are, and also predicts from their mirror images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Apply the network: (N, C, H, W) -> (N, outputs)."""
        outputs: Tensor = self.network(images)
        if self.training:
            return outputs
        mirrored: Tensor = self.network(images.flip(-1))
        return (outputs + mirrored) / 2


def build_cnn(hyperparameters: CNNHyperparameters, shape: Shape) -> nn.Module:
    """Make the untrained network: (N, C, H, W) -> (N, outputs).

    A map that is too small to lose its border is padded, and one that is too small to be pooled
    stays as it is, so every depth works with every image size.

    >>> import torch
    >>> from tuner import Shape
    >>> network = build_cnn(CNNHyperparameters(), Shape((3, 32, 32), 5))
    >>> network(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """
    channels, height, width = shape.inputs
    layers: list[nn.Module] = []
    for block in range(hyperparameters.depth):
        for last in reversed(range(hyperparameters.convolutions)):
            keep = hyperparameters.padding or min(height, width) < KERNEL
            out = hyperparameters.width << block
            if not keep:
                height, width = height - KERNEL + 1, width - KERNEL + 1
            pooled = last == 0 and min(height, width) > 1
            layers += _convolution(channels, out, hyperparameters, keep=keep, pooled=pooled)
            channels = out
            if pooled:
                height, width = height // 2, width // 2
    if hyperparameters.head == "average":
        layers.append(nn.AdaptiveAvgPool2d(1))
        height = width = 1
    elif hyperparameters.head == "both":
        layers.append(Both())
        channels, height, width = 2 * channels, 1, 1
    layers.append(nn.Flatten())
    layers += _head(channels * height * width, hyperparameters, shape.outputs)
    network = nn.Sequential(*layers)
    return Mirrored(network) if hyperparameters.mirror else network


def augment_photos(
    images: Tensor, hyperparameters: CNNHyperparameters, random: Generator
) -> Tensor:
    """Mirror, rotate, shift and resize each photo of a batch (N, C, H, W), and change its light."""
    strength = hyperparameters.augmentation
    moved = move(images, strength, random, degrees=30, shift=0.15, scale=0.3, flip=True)
    return recolour(moved, strength / 2, random)


def _convolution(
    channels: int, width: int, hyperparameters: CNNHyperparameters, *, keep: bool, pooled: bool
) -> list[nn.Module]:
    norm, pool = hyperparameters.batch_norm, [nn.MaxPool2d(2)] if pooled else []
    between: list[nn.Module] = [nn.BatchNorm2d(width)] if norm else []
    between = [*pool, *between] if hyperparameters.pool_first else [*between, *pool]
    return [
        # BatchNorm would subtract a bias before it.
        nn.Conv2d(channels, width, KERNEL, padding=int(keep), bias=not norm),
        *between,
        # After the pooling: the same result, because both pass on the larger value, for a quarter
        # of the work.
        nn.ReLU(inplace=True),
    ]


def _head(features: int, hyperparameters: CNNHyperparameters, outputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    hidden, batch_norm = hyperparameters.hidden, hyperparameters.batch_norm
    if hidden:
        layers.append(nn.Linear(features, hidden, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(hidden))
        layers.append(nn.ReLU(inplace=True))
        features = hidden
    return [*layers, nn.Dropout(hyperparameters.dropout), nn.Linear(features, outputs)]
