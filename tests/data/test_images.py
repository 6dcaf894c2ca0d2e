from __future__ import annotations

import contextlib
import io
import os
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tuner.data.images import read_image
from tuner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def picture(kind: str, mode: str = "RGB") -> bytes:
    """A file of 24x20 pixels, as bytes."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


JPEG, PNG, TIFF = (picture(kind) for kind in ("JPEG", "PNG", "TIFF"))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "JPEG", "WEBP"])
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


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    whole=st.sampled_from((JPEG, PNG, TIFF)),
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


def test_what_is_no_image_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture", encoding="utf-8")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("text.jpg", "folder.jpg", "missing.jpg"):
        with pytest.raises(DataError, match=f"{name} cannot be read as an image"):
            read_image(tmp_path / name, (3, 8, 8))


def test_an_absurdly_large_image_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(PNG)
    for limit in (300, 100):  # Pillow warns above its limit, and refuses above twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(DataError, match=r"large\.png .* decompression bomb"):
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
