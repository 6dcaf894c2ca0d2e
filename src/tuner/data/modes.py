"""Converts each mode of Pillow to 8 bits of grey or colour, without transparency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

GROUND = 255  # white, behind transparent pixels
WIDENED = {"L;2": 85, "L;4": 17}  # factors from PNGs of 2 and 4 bits to 8 bits
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags and a value of TIFF


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Convert an open picture to mode L or RGB, without transparency, by CONVERSIONS.

    Raises:
        ValueError: its mode is not in CONVERSIONS, or has no range.
    """
    tiles = getattr(image, "tile", [])  # exist only until the file is decoded
    image.load()
    if tiles and (steps := WIDENED.get(str(tiles[0][3]))) and "transparency" in image.info:
        image.info["transparency"] *= steps  # Pillow scales the pixels but not this shade
    convert = CONVERSIONS.get(image.mode)
    if convert is None:
        raise ValueError(f"its mode is {image.mode}, which is not known; save it as 8-bit RGB")
    return convert(image)


def _colour(image: Image.Image) -> Image.Image:
    """Convert to RGB; a palette or a single colour may be transparent."""
    return _on_ground(image.convert("RGBA")) if is_transparent(image) else image.convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    """Convert to L; a single shade may be transparent."""
    return _on_ground(image.convert("LA")) if is_transparent(image) else image.convert("L")


def _on_ground(image: Image.Image) -> Image.Image:
    """Compose a picture with alpha on white: L if it is grey, else RGB."""
    grey = image.mode in {"LA", "La"}
    if image.mode == "La":
        image = image.convert("LA")  # the only target to which Pillow converts this mode
    ground = Image.new("RGBA", image.size, (GROUND, GROUND, GROUND, 255))
    composed = Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return composed.getchannel("R") if grey else composed


def is_transparent(image: Image.Image) -> bool:
    """Whether a picture may have transparent pixels."""
    return image.has_transparency_data


def _deep_grey(image: Image.Image) -> Image.Image:
    """Convert 10 to 16 bits to L: 0 is black, and the format's largest number is white."""
    brightest, inverted = 2**16 - 1, False
    if tags := getattr(image, "tag_v2", None):
        brightest = 2 ** tags.get(BITS_PER_SAMPLE, (16,))[0] - 1
        inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    return _scaled(image, brightest, inverted=inverted)


def _integers(image: Image.Image) -> Image.Image:
    """Convert to L what Pillow has widened to 32 bits.

    Raises:
        ValueError: it is not a PGM, so the number for white is unknown.
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
    clear = image.info.get("transparency")  # of a 16-bit PNG: the one transparent shade
    if isinstance(clear, int):
        grey[numbers == clear] = GROUND
    return Image.fromarray(grey)


def _floats(image: Image.Image) -> Image.Image:
    """Refuse floats.

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
