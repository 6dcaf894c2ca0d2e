"""Image files to uint8 tensors: the same reading for training data and for predictions.

How any file is read, whatever wrote it:

- Orientation: turned upright, as its EXIF or XMP orientation tag says.
- Modes: CONVERSIONS has a rule for each mode of Pillow. Grey of 10 to 16 bits is scaled by the
  range of its format, never by its own brightest pixel, so that dark pictures stay dark. What has
  no range of its own (32-bit integers, floats) is refused.
- Transparency: composed on white.
- Animations and files of several pages: the first frame.
- Colour profiles: not applied; the numbers in the file are taken as they are (sRGB, usually).
- Size: the whole picture is resized, bilinear, to the shape asked for; its aspect may change.
"""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError

from tuner.data.reading import note
from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

MODES = {1: "L", 3: "RGB"}
# Not all that Pillow can: for PostScript it starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
GROUND = 255  # white: what is transparent is seen on it
UPRIGHT = {  # by EXIF orientation; 1 is upright already
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WIDENED = {"L;2": 85, "L;4": 17}  # shades of PNGs of 2 and 4 bits, to 8 bits
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # of TIFF


def read_image(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """Decode one image file and resize it, whole, to `shape`, by the rules of this module.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> Image.new("RGB", (30, 20), "red").save("red.png")
    >>> read_image(Path("red.png"), (3, 8, 8))[:, 0, 0]
    tensor([255,   0,   0], dtype=torch.uint8)

    Args:
        path: in one of FORMATS.
        shape: (C, H, W) with C 1 for grey or 3 for colour.

    Returns:
        (C, H, W) uint8.

    Raises:
        DataError: the file is missing, empty, cut short, not an image, of a mode that has no
            range, or absurdly large; it is named.
    """
    channels, height, width = shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata: the pixels are what counts
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                plain = _upright(to_eight_bits(image), image)
                pixels = plain.convert(MODES[channels]).resize(
                    (width, height), Image.Resampling.BILINEAR
                )
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} cannot be read as an image: it is not in one of the formats "
            f"{', '.join(FORMATS)}; convert it to one of these"
        ) from error
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
    found = torch.from_numpy(np.array(pixels)).view(height, width, channels).permute(2, 0, 1)
    note(found)
    return found


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Convert an opened picture to mode L or RGB, without transparency, by CONVERSIONS.

    Raises:
        ValueError: its mode is not in CONVERSIONS, or has no range.
    """
    tiles = getattr(image, "tile", [])  # of a file that is not decoded yet
    image.load()
    if tiles and (steps := WIDENED.get(str(tiles[0][3]))) and "transparency" in image.info:
        image.info["transparency"] *= steps  # Pillow widens the pixels and not this shade
    convert = CONVERSIONS.get(image.mode)
    if convert is None:
        raise ValueError(f"its mode is {image.mode}, which is not known; save it as 8-bit RGB")
    return convert(image)


def _colour(image: Image.Image) -> Image.Image:
    """RGB; a palette or a single colour may be transparent."""
    return _on_ground(image.convert("RGBA")) if _is_transparent(image) else image.convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    """L; a single shade may be transparent."""
    return _on_ground(image.convert("LA")) if _is_transparent(image) else image.convert("L")


def _on_ground(image: Image.Image) -> Image.Image:
    """Compose a picture with alpha on white: to L where it is grey, else to RGB."""
    grey = image.mode in {"LA", "La"}
    if image.mode == "La":
        image = image.convert("LA")  # alone among the modes, it converts to nothing else
    ground = Image.new("RGBA", image.size, (GROUND, GROUND, GROUND, 255))
    composed = Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return composed.getchannel("R") if grey else composed


def _is_transparent(image: Image.Image) -> bool:
    return image.has_transparency_data


def _deep_grey(image: Image.Image) -> Image.Image:
    """L, from 10 to 16 bits: 0 is black, and the largest number the format can hold is white."""
    brightest, inverted = 2**16 - 1, False
    if tags := getattr(image, "tag_v2", None):
        brightest = 2 ** tags.get(BITS_PER_SAMPLE, (16,))[0] - 1
        inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    return _scaled(image, brightest, inverted=inverted)


def _integers(image: Image.Image) -> Image.Image:
    """L, from what Pillow widens to 32 bits.

    Raises:
        ValueError: it is not a PGM, so nothing says which number is white.
    """
    if image.format != "PPM":
        raise ValueError(
            "its pixels are 32-bit integers (mode I), and nothing says which number is white; save "
            "it with 8 or 16 bits"
        )
    return _scaled(image, 2**16 - 1)  # Pillow scales a PGM of more than 8 bits to this range


def _scaled(image: Image.Image, brightest: int, *, inverted: bool = False) -> Image.Image:
    numbers = np.asarray(image).astype(np.float64)
    grey = (numbers * (255 / brightest)).round().clip(0, 255).astype(np.uint8)
    if inverted:
        grey = 255 - grey
    clear = image.info.get("transparency")  # of a 16-bit PNG: the one shade that is transparent
    if isinstance(clear, int):
        grey[numbers == clear] = GROUND
    return Image.fromarray(grey)


def _floats(image: Image.Image) -> Image.Image:
    """Refuse.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"its pixels are floats (mode {image.mode}), and nothing says which number is white; save "
        "it with 8 or 16 bits"
    )


# Every mode of Pillow.
CONVERSIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "1": _grey,
    "L": _grey,
    "LA": _on_ground,
    "La": _on_ground,
    "P": _colour,
    "PA": _on_ground,
    "RGB": _colour,
    "RGBA": _on_ground,
    "RGBa": _on_ground,
    "RGBX": _colour,
    "CMYK": _colour,
    "YCbCr": _colour,
    "LAB": _colour,
    "HSV": _colour,
    "I;16": _deep_grey,
    "I;16L": _deep_grey,
    "I;16B": _deep_grey,
    "I;16N": _deep_grey,
    "I": _integers,
    "F": _floats,
}


def _upright(plain: Image.Image, image: Image.Image) -> Image.Image:
    """Turn `plain` as the metadata of `image`, which it was made of, says.

    Not by ImageOps.exif_transpose, which writes the metadata anew, and fails where it is odd.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        turn = UPRIGHT.get(orientation)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return plain  # metadata that cannot be read: as without it
    return plain if turn is None else plain.transpose(turn)
