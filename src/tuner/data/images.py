"""Reads image files into uint8 tensors, in the same way for training data and predictions.

The rules for all files:

- Orientation: turned upright, by the EXIF or XMP orientation tag.
- Modes: tuner.data.modes has a rule for each mode of Pillow. Grey of 10 to 16 bits is scaled by the
  range of its format, never by its own brightest pixel, so that dark pictures stay dark. Modes
  without a range (32-bit integers, floats) are refused.
- Transparency: composed on white.
- Animations and files of several pages: the first frame.
- Colour profiles: not applied; the numbers in the file are used unchanged (usually sRGB).
- HEIC, as iPhones take it: read if pillow-heif is installed (`tuner[heic]`).
- Size: the whole picture is resized, bilinear, to the requested shape; its aspect ratio may change.
"""

from __future__ import annotations

import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError

from tuner.data.formats import FORMATS, HEIC_SUFFIXES, formats
from tuner.data.modes import is_transparent, to_eight_bits
from tuner.data.reading import note
from tuner.errors import DataError
from tuner.language import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

T = TypeVar("T")
MODES = {1: "L", 3: "RGB"}
EMPTY = said("the file is empty")
NOT_HEIC = said("it is a HEIC picture, and these need: pip install -e '.[heic]'")
NOT_A_FORMAT = said("it is not in one of the formats {formats}", formats=", ".join(FORMATS))
UPRIGHT = {  # by EXIF orientation; 1 is already upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Those of UPRIGHT that swap width and height.
LYING = {
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
}
GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"}
AT_A_TIME = 256  # images that are read ahead


def read_image(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """Decode one image file and resize all of it to `shape`, by the rules of this module.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> Image.new("RGB", (30, 20), "red").save("red.png")
    >>> read_image(Path("red.png"), (3, 8, 8))[:, 0, 0]
    tensor([255,   0,   0], dtype=torch.uint8)

    Args:
        path: in one of `formats()`.
        shape: (C, H, W) with C 1 for grey or 3 for colour.

    Returns:
        (C, H, W) uint8.

    Raises:
        DataError: the file is missing, empty, cut short, not an image, of a mode without a range,
            or absurdly large; the message names it.
    """
    with _warnings_apart():
        found = _read(path, shape)
    note(found)
    return found


@dataclass(frozen=True, slots=True)
class Look:
    """Facts from the head of an image file, without its pixels.

    Attributes:
        width: of the picture after it is turned upright; `height` likewise.
        mode: Pillow's: "L", "RGB", "CMYK", "P", "I;16" and so on.
        turned: whether its metadata ask to turn or mirror it.
        transparent: whether it may have transparent pixels.
        frames: whether it has several frames or pages; only the first is read.
    """

    width: int
    height: int
    mode: str
    turned: bool
    transparent: bool
    frames: bool

    @property
    def grey(self) -> bool:
        """Whether it has no colours."""
        return self.mode in GREY_MODES


def look_at_images(paths: Sequence[Path], threads: int) -> Iterator[Look | DataError]:
    """Yield what the head of each file says, in their order; an error if none could be read.

    The error is that of `read_image`: its message names the file.
    """
    return _each(_look, paths, threads)


def read_images(
    paths: Sequence[Path], shape: tuple[int, int, int], threads: int
) -> Iterator[Tensor | DataError]:
    """Yield the result or error of `read_image` for each file, in their order.

    Only a few are in memory at a time.
    """
    for found in _each(partial(_read, shape=shape), paths, threads):
        if not isinstance(found, DataError):
            note(found)
        yield found


def _each(
    read: Callable[[Path], T], paths: Sequence[Path], threads: int
) -> Iterator[T | DataError]:
    def tried(path: Path) -> T | DataError:
        try:
            return read(path)
        except DataError as error:
            return error

    with _warnings_apart(), ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(paths), AT_A_TIME):
            yield from pool.map(tried, paths[start : start + AT_A_TIME])


@contextmanager
def _warnings_apart() -> Iterator[None]:
    """Ignore warnings of odd metadata, since pixels count; turn those of huge images into errors.

    Warning filters apply to all threads, so enter this once around several readers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file; errors name the file.

    Raises:
        DataError: it is a folder, or Pillow cannot read it.
    """
    unread = f"{path} cannot be read as an image"
    try:
        with Image.open(path, formats=formats()) as image:
            yield image
    except UnidentifiedImageError as error:
        if path.stat().st_size == 0:
            raise DataError(f"{unread}: {EMPTY}; copy it again, or remove it") from error
        if path.suffix.lower() in HEIC_SUFFIXES and "HEIF" not in formats():
            raise DataError(f"{unread}: {NOT_HEIC}; or convert it to JPEG") from error
        raise DataError(f"{unread}: {NOT_A_FORMAT}; convert it to one of these") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        most = Image.MAX_IMAGE_PIXELS or 0
        why = said("it has more than {most:,} pixels", most=most)
        raise DataError(f"{unread}: {why}; make it smaller, or cut it into parts") from error
    except IsADirectoryError as error:
        raise DataError(
            f"{path} is a folder; name the images in it, such as {path}/*.jpg"
        ) from error
    except OSError as error:
        raise DataError(f"{unread}: {error.strerror or error}") from error
    except (
        SyntaxError,  # Pillow's error for a broken PNG
        EOFError,  # for a broken HEIC
        ValueError,
        RuntimeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise DataError(f"{unread}: {error}") from error


def _read(path: Path, shape: tuple[int, int, int]) -> Tensor:
    channels, height, width = shape
    with _opened(path) as image:
        plain = _upright(to_eight_bits(image), image)
        pixels = plain.convert(MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(pixels)).view(height, width, channels).permute(2, 0, 1)


def _look(path: Path) -> Look:
    with _opened(path) as image:
        turn = _turn(image)
        as_stored = image.format != "TIFF"  # Pillow gives the size of a TIFF after turning it
        size = image.size[::-1] if turn in LYING and as_stored else image.size
        return Look(
            *size,
            mode=image.mode,
            turned=turn is not None,
            transparent=is_transparent(image),
            frames=bool(getattr(image, "is_animated", False)),
        )


def _upright(plain: Image.Image, image: Image.Image) -> Image.Image:
    """Turn `plain` by the metadata of `image`, from which it was made.

    ImageOps.exif_transpose is not used: it writes the metadata again, and fails if they are odd.
    """
    turn = _turn(image)
    return plain if turn is None else plain.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return how the metadata of a picture ask to turn it; None if not at all."""
    try:
        return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return None  # unreadable metadata are ignored
