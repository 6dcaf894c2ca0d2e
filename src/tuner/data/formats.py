"""Which files are pictures: by their names, and by what Pillow finds in them. Imports no torch."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

HEIC_SUFFIXES = {".heic", ".heif", ".hif"}
# A HEIC that cannot be read here counts as a picture too, so that the reason is told.
SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", *HEIC_SUFFIXES,
}  # fmt: skip
# Not all that Pillow can read: for PostScript it starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")


@cache
def formats() -> tuple[str, ...]:
    """Return the formats that are read here, as Pillow names them."""
    if find_spec("pillow_heif") is None:  # its decoder is large, and comes with GPL code
        return FORMATS
    import pillow_heif

    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")
