"""Convolutional networks for photos, with predictions averaged over two views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from tuner.models.cnn import CNNHyperparameters, build_cnn

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.case.contract import Shape

CLOSER = 1.3  # factor of enlargement


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoHyperparameters(CNNHyperparameters):
    """The hyperparameters of `CNNHyperparameters`, and the number of views.

    Attributes:
        closer: whether predictions average over a photo and its middle, enlarged 1.3 times and
            mirrored.
    """

    closer: bool = False


class Closer(nn.Module):
    """A network that trains on whole photos, and also predicts from their enlarged middle.

    The mean over several crops and scales of an image is as old as Krizhevsky et al. 2012, section
    4.1, and Simonyan and Zisserman 2015, arXiv:1409.1556, section 4.2.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: Tensor) -> Tensor:
        """Apply the network: (N, C, H, W) -> (N, outputs)."""
        outputs: Tensor = self.network(photos)
        if self.training:
            return outputs
        closer: Tensor = self.network(enlarged(photos, CLOSER).flip(-1))
        return (outputs + closer) / 2


def enlarged(photos: Tensor, times: float) -> Tensor:
    """Enlarge the middle of each photo: (N, C, H, W), to the same shape (bilinear).

    >>> enlarged(torch.rand(2, 3, 8, 8), 2.0).shape
    torch.Size([2, 3, 8, 8])

    Args:
        times: factor; 1 returns the photos unchanged, larger ones lose their border.
    """
    if times == 1:
        return photos
    rows, columns = (
        torch.linspace(1 / size - 1, 1 - 1 / size, size, device=photos.device) / times
        for size in photos.shape[-2:]
    )
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    every = grid.to(photos.dtype).expand(len(photos), -1, -1, -1)
    return functional.grid_sample(photos, every, align_corners=False)


def build_photo_cnn(hyperparameters: PhotoHyperparameters, shape: Shape) -> nn.Module:
    """Make the untrained network of `build_cnn`: (N, C, H, W) -> (N, outputs).

    >>> from tuner.case.contract import Shape
    >>> network = build_photo_cnn(PhotoHyperparameters(closer=True), Shape((3, 32, 32), 5))
    >>> network.eval()(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """
    network = build_cnn(hyperparameters, shape)
    return Closer(network) if hyperparameters.closer else network
