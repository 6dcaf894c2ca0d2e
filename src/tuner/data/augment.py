"""Augments a batch of scaled images at once, each image differently, with one strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Generator, Tensor


def move(
    images: Tensor,
    strength: float,
    random: Generator,
    *,
    degrees: float,
    shift: float,
    scale: float,
    flip: bool = False,
) -> Tensor:
    """Rotate, shift and scale each image by its own random amounts (bilinear, one resampling).

    >>> random = torch.Generator().manual_seed(0)
    >>> images = torch.rand(2, 3, 8, 8)
    >>> move(images, 1.0, random, degrees=10, shift=0.1, scale=0.1, flip=True).shape
    torch.Size([2, 3, 8, 8])

    Args:
        images: (N, C, H, W), scaled; areas from outside an image repeat its border.
        strength: 0 returns the images as they are; 1 uses the full ranges below.
        degrees: largest rotation, either way.
        shift: largest shift, as a share of the image's size, either way.
        scale: largest change of scale, as a share, either way.
        flip: mirror half of the images left to right, at any strength above 0.

    Returns:
        (N, C, H, W), as `images`.
    """
    if strength == 0:
        return images
    count = len(images)
    draws = torch.rand(5, count, generator=random, device=random.device) * 2 - 1
    angle = draws[0] * (strength * degrees * torch.pi / 180)
    size = 1 + draws[1] * (strength * scale)
    mirror = draws[4].sign() if flip else torch.ones_like(draws[4])
    cos, sin = angle.cos() / size, angle.sin() / size
    # The grid spans -1 to 1, so 2 is the whole size.
    right, down = draws[2] * (2 * strength * shift), draws[3] * (2 * strength * shift)
    rows = (
        torch.stack((mirror * cos, -sin, right), dim=1),
        torch.stack((mirror * sin, cos, down), 1),
    )
    theta = torch.stack(rows, dim=1).to(images.device)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def recolour(images: Tensor, strength: float, random: Generator) -> Tensor:
    """Change the brightness, contrast and balance of channels of each image.

    >>> random = torch.Generator().manual_seed(0)
    >>> recolour(torch.rand(2, 3, 8, 8), 0.5, random).shape
    torch.Size([2, 3, 8, 8])

    Args:
        images: (N, C, H, W), scaled.
        strength: 0 returns the images as they are; 1 changes each by up to 40 %.
    """
    if strength == 0:
        return images
    count, channels = images.shape[:2]
    spread = 0.4 * strength
    shape = count, 2 + channels, 1, 1
    draws = (torch.rand(shape, generator=random, device=random.device) * 2 - 1).to(images.device)
    contrast = 1 + spread * draws[:, :1]
    centre = images.mean(dim=(1, 2, 3), keepdim=True)
    shifted = (images - centre) * contrast + centre + spread * draws[:, 1:2]
    return shifted + 0.5 * spread * draws[:, 2:]
