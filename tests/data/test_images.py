from __future__ import annotations

import contextlib
import io
import os
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tuner.data.formats import FORMATS, formats
from tuner.data.images import Look, look_at_images, read_image
from tuner.data.modes import CONVERSIONS, to_eight_bits
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def picture(kind: str, mode: str = "RGB") -> bytes:
    """Return a file of 24x20 pixels, as bytes."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


formats()  # so that Pillow can also write HEIC
JPEG, PNG, TIFF, AVIF, HEIF = map(picture, ("JPEG", "PNG", "TIFF", "AVIF", "HEIF"))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "JPEG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_any_format_in_any_shape(tmp_path: Path, kind: str, mode: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(picture(kind, mode))
    for shape in ((3, 20, 24), (1, 8, 6)):
        image = read_image(path, shape)
        assert image.shape == shape
        assert image.dtype == torch.uint8


def test_pixels_come_in_channels_rows_columns(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    Image.fromarray(pixels).save(path)
    assert torch.equal(read_image(path, (3, 2, 3)), torch.from_numpy(pixels).permute(2, 0, 1))


@pytest.mark.parametrize("length", [*range(0, len(JPEG) - 1, 37), len(JPEG) - 3])
def test_a_jpeg_cut_short_anywhere_is_an_error_that_names_it(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(JPEG[:length])
    with pytest.raises(DataError, match=r"cut\.jpg cannot be read as an image"):
        read_image(path, (3, 8, 8))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "PPM", "AVIF", "HEIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_file_cut_short_is_an_error_in_every_format(
    tmp_path: Path, kind: str, share: float
) -> None:
    whole = picture(kind)
    path = tmp_path / "cut"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match="cut cannot be read as an image"):
        read_image(path, (3, 8, 8))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.sampled_from((JPEG, PNG, TIFF, AVIF, HEIF)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_damage_of_any_kind_is_an_image_or_a_data_error(
    tmp_path: Path, whole: bytes, changes: list[tuple[float, int]]
) -> None:
    damaged = bytearray(whole)
    for place, value in changes:
        damaged[int(place**3 * (len(whole) - 1))] = value
    path = tmp_path / "damaged"
    path.write_bytes(damaged)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(DataError):
            assert read_image(path, (3, 8, 8)).shape == (3, 8, 8)


def test_what_is_not_an_image_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture", encoding="utf-8")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    for name, said in (
        ("text.jpg", "cannot be read as an image"),
        ("missing.jpg", "cannot be read as an image: No such file"),
        ("empty.jpg", "cannot be read as an image: the file is empty; copy it again"),
        ("x" * 300, "cannot be read as an image: File name too long"),
        ("folder.jpg", "is a folder; name the images in it, such as"),
    ):
        with pytest.raises(DataError, match=f"{name} {said}"):
            read_image(tmp_path / name, (3, 8, 8))


def test_an_absurdly_large_image_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(PNG)
    for limit in (300, 100):  # Pillow warns above its limit, and refuses above twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(
            DataError, match=rf"large\.png .* more than {limit} pixels; make it smaller"
        ):
            read_image(path, (3, 8, 8))


def test_no_other_program_is_started_to_read_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    ghostscript = tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {started}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    path = tmp_path / "x.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\n")
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_image(path, (3, 8, 8))
    assert not started.exists()


def test_odd_metadata_of_a_sound_image_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    image = Image.open(io.BytesIO(PNG)).convert("P")
    image.save(path, transparency=bytes(range(256)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(path, (3, 8, 8)).shape == (3, 8, 8)


# Every image mode of Pillow, in this version, earlier or later ones.
KNOWN = (
    *(
        "1",
        "L",
        "P",
        "PA",
        "LA",
        "La",
        "RGB",
        "RGBA",
        "RGBa",
        "RGBX",
        "CMYK",
        "YCbCr",
        "LAB",
        "HSV",
    ),
    *("I", "F", "I;16", "I;16L", "I;16B", "I;16N", "BGR;15", "BGR;16", "BGR;24", "I;16S", "I;32"),
    *Image.MODES,
)


def usable(mode: str) -> bool:
    try:
        Image.new(mode, (1, 1))
    except ValueError:
        return False
    return True


def test_every_mode_of_pillow_has_a_rule() -> None:
    assert {mode for mode in KNOWN if usable(mode)} == set(CONVERSIONS)


@pytest.mark.parametrize(
    ("mode", "stored", "expected"),
    [
        ("1", 1, (255,)),
        ("1", 0, (0,)),
        ("L", 77, (77,)),
        ("LA", (0, 255), (0,)),
        ("LA", (0, 0), (255,)),
        ("LA", (100, 128), (177,)),
        ("La", (0, 255), (0,)),
        ("La", (0, 0), (255,)),
        ("La", (50, 128), (177,)),  # premultiplied
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBX", (1, 2, 3, 0), (1, 2, 3)),  # the fourth is no alpha
        ("RGBA", (1, 2, 3, 255), (1, 2, 3)),
        ("RGBA", (1, 2, 3, 0), (255, 255, 255)),
        ("RGBA", (200, 100, 0, 128), (227, 177, 127)),
        ("RGBa", (100, 50, 0, 128), (226, 177, 127)),  # premultiplied
        ("RGBa", (0, 0, 0, 0), (255, 255, 255)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
        ("LAB", (255, 128, 128), (255, 255, 255)),
        ("LAB", (0, 128, 128), (0, 0, 0)),
        ("HSV", (0, 255, 255), (255, 0, 0)),
        ("I;16", 0, (0,)),
        ("I;16", 0x8000, (128,)),
        ("I;16", 0xFFFF, (255,)),
        ("I;16L", 0x8000, (128,)),
        ("I;16B", 0x8000, (128,)),
        ("I;16N", 0x8000, (128,)),
    ],
)
def test_a_pixel_of_any_mode_is_seen_as_it_looks(
    mode: str, stored: int | tuple[int, ...], expected: tuple[int, ...]
) -> None:
    image = Image.new(mode, (2, 2), stored)
    plain = to_eight_bits(image)
    assert plain.mode == ("L" if len(expected) == 1 else "RGB")
    got = np.asarray(plain, dtype=int).reshape(4, -1)
    assert np.abs(got - expected).max() <= 2


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_without_a_range_are_refused_by_name(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "deep.tif"
    Image.new(mode, (8, 8), 1).save(path)
    with pytest.raises(DataError, match=rf"deep\.tif .*\(?mode {mode}\).*8 or 16 bits"):
        read_image(path, (1, 8, 8))


@pytest.mark.parametrize("mode", ["P", "PA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_palette_is_looked_up_and_may_be_transparent(
    tmp_path: Path, mode: str, channels: int
) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.putpixel((1, 0), 1)
    if mode == "PA":
        image = image.convert("PA")
        assert to_eight_bits(image).getpixel((1, 0)) == (200, 0, 0)
        image.putalpha(Image.new("L", (2, 1), 0))
        assert to_eight_bits(image).getpixel((1, 0)) == (255, 255, 255)
        return
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=0)
    opaque, clear = (
        read_image(tmp_path / f"{n}.png", (channels, 1, 2)) for n in ("opaque", "clear")
    )
    assert opaque[:, 0, 0].tolist() == [0] * channels
    assert clear[:, 0, 0].tolist() == [255] * channels
    assert torch.equal(opaque[:, 0, 1], clear[:, 0, 1])


GREY_RAMP = np.linspace(0, 65535, 64).reshape(8, 8)


@pytest.mark.parametrize(
    "file", ["a.png", "a.tif", "big endian.tif", "inverted.tif", "12.tif", "a.pgm"]
)
def test_deep_grey_keeps_all_its_levels(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    deep = GREY_RAMP.round().astype(np.uint16)
    if file == "a.pgm":
        path.write_bytes(b"P5\n8 8\n65535\n" + deep.astype(">u2").tobytes())
    elif file == "12.tif":
        path.write_bytes(tiff(deep >> 4, bits=12))
    elif file == "big endian.tif":
        Image.fromarray(deep.astype(">u2")).save(path)
        with Image.open(path) as image:
            assert image.mode == "I;16B"
    elif file == "inverted.tif":
        path.write_bytes(tiff(65535 - deep, bits=16, white_is_zero=True))
    else:
        Image.fromarray(deep).save(path)
    expected = torch.from_numpy((GREY_RAMP / 257).round()).view(1, 8, 8)
    assert (read_image(path, (1, 8, 8)) - expected).abs().max() <= 1


def tiff(pixels: np.ndarray, *, bits: int, white_is_zero: bool = False) -> bytes:
    """A TIFF of one strip, (H, W) grey, as a scanner or a microscope writes it."""
    height, width = pixels.shape
    if bits == 12:  # two pixels in three bytes
        text = "".join(f"{value:012b}" for value in pixels.ravel())
        strip = int(text, 2).to_bytes(len(text) // 8, "big")
    else:
        strip = pixels.astype("<u2").tobytes()
    entries = {
        256: width,
        257: height,
        258: bits,
        259: 1,
        262: 0 if white_is_zero else 1,
        273: 0,
        277: 1,
        278: height,
        279: len(strip),
    }
    entries[273] = 8 + 2 + 12 * len(entries) + 4
    table = b"".join(
        tag.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little")
        for tag, value in entries.items()
    )
    return b"II*\0\10\0\0\0" + len(entries).to_bytes(2, "little") + table + bytes(4) + strip


def test_dark_stays_dark(tmp_path: Path) -> None:
    """A picture is not stretched by its own maximum, so that pictures remain comparable."""
    Image.fromarray(np.full((4, 4), 2570, np.uint16)).save(tmp_path / "dark.png")
    assert read_image(tmp_path / "dark.png", (1, 2, 2)).unique().tolist() == [10]


def test_black_ink_on_nothing_is_black_on_white(tmp_path: Path) -> None:
    ink = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    ink.paste((0, 0, 0, 255), (2, 2, 6, 6))
    for suffix in ("png", "webp", "tif"):
        options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
        ink.save(tmp_path / f"ink.{suffix}", **options)
        image = read_image(tmp_path / f"ink.{suffix}", (1, 8, 8))[0]
        assert image[0, 0] == 255
        assert image[4, 4] == 0


@pytest.mark.parametrize(("mode", "shade"), [("L", 0), ("RGB", (0, 0, 0)), ("1", 0), ("I;16", 0)])
def test_one_shade_may_be_transparent(
    tmp_path: Path, mode: str, shade: int | tuple[int, ...]
) -> None:
    Image.new(mode, (4, 4), shade).save(tmp_path / "shade.png", transparency=shade)
    assert read_image(tmp_path / "shade.png", (1, 2, 2)).unique().tolist() == [255]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_one_shade_of_a_few_bits_may_be_transparent(tmp_path: Path, bits: int) -> None:
    """Some programs write this to make PNGs small."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + checksum

    most = 2**bits - 1
    clear = most // 2 or 1
    row = f"{0:0{bits}b}{clear:0{bits}b}".ljust(16, "0")
    (tmp_path / "small.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", b"\0\0\0\2\0\0\0\1" + bytes([bits, 0, 0, 0, 0]))
        + chunk(b"tRNS", clear.to_bytes(2, "big"))
        + chunk(b"IDAT", zlib.compress(b"\0" + int(row, 2).to_bytes(2, "big")[: -(-2 * bits // 8)]))
        + chunk(b"IEND", b"")
    )
    assert read_image(tmp_path / "small.png", (1, 1, 2)).flatten().tolist() == [0, 255]


SCENE = np.zeros((6, 4, 3), np.uint8)
SCENE[0, 0], SCENE[0, 3], SCENE[5, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
STORED = {  # the stored scene that each orientation turns upright
    1: SCENE,
    2: SCENE[:, ::-1],
    3: SCENE[::-1, ::-1],
    4: SCENE[::-1],
    5: SCENE.transpose(1, 0, 2),
    6: np.rot90(SCENE, 1),
    7: SCENE[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(SCENE, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", sorted(STORED))
def test_a_picture_is_turned_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    path = tmp_path / "photo"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    large = np.ascontiguousarray(STORED[orientation].repeat(16, 0).repeat(16, 1))
    options: dict[str, dict[str, Any]] = {
        "WEBP": {"lossless": True},
        "JPEG": {"quality": 100, "subsampling": 0},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": -1, "chroma": 444, "matrix_coefficients": 0},  # lossless
    }
    Image.fromarray(large).save(path, kind, exif=exif.tobytes(), **options.get(kind, {}))
    expected = torch.from_numpy(SCENE.repeat(16, 0).repeat(16, 1)).permute(2, 0, 1).int()
    assert (read_image(path, (3, 96, 64)).int() - expected).abs().max() <= 4
    (look,) = look_at_images([path], 1)
    assert isinstance(look, Look)
    turned = orientation != 1 and kind != "HEIF"  # which its decoder turns
    assert (look.width, look.height, look.turned) == (64, 96, turned)


@pytest.mark.parametrize(
    "metadata", [b"", b"nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", bytes(40)]
)
def test_damaged_metadata_turns_nothing(tmp_path: Path, metadata: bytes) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(SCENE).save(path, exif=metadata)
    assert torch.equal(read_image(path, (3, 6, 4)), torch.from_numpy(SCENE).permute(2, 0, 1))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    path = tmp_path / "moving"
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], **options)
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 2
    assert read_image(path, (3, 1, 1)).flatten().tolist() == [250, 0, 0]


def test_a_colour_profile_is_not_applied(tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(SCENE).save(tmp_path / "plain.png")
    Image.fromarray(SCENE).save(tmp_path / "profile.png", icc_profile=profile)
    plain, with_profile = (
        read_image(tmp_path / f"{name}.png", (3, 6, 4)) for name in ("plain", "profile")
    )
    assert torch.equal(plain, with_profile)


def test_a_format_that_is_not_read_names_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "photo.eps"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(DataError, match=r"photo\.eps .* one of the formats JPEG, PNG, .*convert"):
        read_image(path, (3, 8, 8))


def test_a_heic_picture_that_cannot_be_read_here_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.HEIC"
    path.write_bytes(HEIF)
    assert read_image(path, (3, 8, 8)).shape == (3, 8, 8)
    monkeypatch.setattr("tuner.data.images.formats", lambda: FORMATS)  # without the package
    needs = r"photo\.HEIC cannot be .*: it is a HEIC picture, .*\.\[heic\]'; or convert it to JPEG"
    with pytest.raises(DataError, match=needs):
        read_image(path, (3, 8, 8))
