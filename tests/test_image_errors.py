"""Files that are not there, not images, damaged, or not single grey pictures."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from xrv_core.datasets import decode_image, load_image
from xrv_core.errors import ImageError, PathMissing

AGAIN = "Download or copy it again"
SMOOTH = np.add.outer(np.arange(64), np.arange(96)).astype("u1")


def saved(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


WHOLE = {kind: saved(SMOOTH, kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF")}


def test_load_image_takes_strings_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "not a png.jpg"  # content decides, not the name
    path.write_bytes(WHOLE["PNG"])
    np.testing.assert_allclose(load_image(path)[0], SMOOTH / 255 * 2048 - 1024, atol=3e-4)
    assert np.array_equal(load_image(str(path)), load_image(path))


def test_missing_file_folder_and_empty_file(tmp_path: Path) -> None:
    with pytest.raises(PathMissing, match=f"{tmp_path}/no.png: no such file"):
        load_image(tmp_path / "no.png")
    with pytest.raises(ImageError, match=f"{tmp_path}: .*folder"):
        load_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=f"empty.png: .*empty .*{AGAIN}"):
        load_image(tmp_path / "empty.png")


@pytest.mark.parametrize("data", [b"<html>404 Not Found</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n"], ids=["html", "eps"])
def test_what_is_no_image(data: bytes) -> None:
    with pytest.raises(ImageError, match=rf"^a/b.png: not a readable image.*PNG, .* DICOM\..*damaged.*{AGAIN}"):
        decode_image(data, "a/b.png")


@pytest.mark.parametrize("kind", WHOLE)
@given(share=st.floats(0, 0.95))
@settings(max_examples=25, deadline=None)
def test_a_truncated_file_is_never_an_image(kind: str, share: float) -> None:
    data = WHOLE[kind]
    with pytest.raises(ImageError, match=r"^x: "):
        decode_image(data[: int(share * len(data))], "x")


def test_truncated_file_text() -> None:
    with pytest.raises(ImageError) as error:
        decode_image(WHOLE["JPEG"][:-200], "a.jpg")
    assert str(error.value).startswith("a.jpg: damaged or cut short (")
    assert "truncated" in str(error.value)
    assert AGAIN in str(error.value)


@given(place=st.integers(33, len(WHOLE["PNG"]) - 1), bit=st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_a_flipped_bit_in_a_png_is_noticed(place: int, bit: int) -> None:
    data = bytearray(WHOLE["PNG"])
    data[place] ^= 1 << bit
    try:
        image = decode_image(bytes(data), "x")
    except ImageError:
        return
    assert np.array_equal(image, decode_image(WHOLE["PNG"], "x"))  # only where no pixel depends on it
    assert place >= len(data) - 12  # the closing chunk


def test_pillow_is_left_as_strict_as_it_was() -> None:
    decode_image(WHOLE["PNG"], "x")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS == 1024 * 1024 * 1024 // 4 // 3


def test_decompression_bomb() -> None:
    size = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    data = WHOLE["PNG"][:12] + size + struct.pack(">I", zlib.crc32(size)) + WHOLE["PNG"][33:]
    with pytest.raises(ImageError, match=r"^bomb.png: too large .*400000000 pixels.*bomb"):
        decode_image(data, "bomb.png")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF"])
def test_several_frames(kind: str) -> None:
    others = [Image.fromarray(SMOOTH // n) for n in (2, 3)]
    with pytest.raises(ImageError, match=r"^film: has 3 frames.*Export"):
        decode_image(saved(SMOOTH, kind, save_all=True, append_images=others), "film")


def test_float_pixels_have_no_possible_range() -> None:
    with pytest.raises(ImageError, match=r"^f.tif: floating-point pixels.*Convert.*PNG"):
        decode_image(saved(np.zeros((4, 4), np.float32), "TIFF"), "f.tif")


def test_other_colour_spaces() -> None:
    out = BytesIO()
    Image.new("LAB", (4, 4)).save(out, "TIFF")
    with pytest.raises(ImageError, match=r"^lab.tif: .*'LAB'.*Convert.*PNG"):
        decode_image(out.getvalue(), "lab.tif")
