"""Image files to uint8 tensors: the same reading for training data and for predictions."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

MODES = {1: "L", 3: "RGB"}
# Not all that Pillow can: for PostScript it starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def read_image(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """Decode one image file and resize it, whole, to `shape`.

    Args:
        path: in one of FORMATS.
        shape: (C, H, W) with C 1 for grey or 3 for colour.

    Returns:
        (C, H, W) uint8.

    Raises:
        DataError: the file is missing, empty, cut short, no image, or absurdly large; it is named.
    """
    channels, height, width = shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata: the pixels are what counts
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                pixels = image.convert(MODES[channels]).resize(
                    (width, height), Image.Resampling.BILINEAR
                )
    except (
        OSError,
        SyntaxError,  # Pillow's word for a broken PNG
        ValueError,
        RuntimeError,
        MemoryError,
        OverflowError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
    return torch.from_numpy(np.array(pixels)).view(height, width, channels).permute(2, 0, 1)
