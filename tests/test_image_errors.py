"""Files that are not there, not images, damaged, or not single grey pictures."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
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
WHOLE["WEBP"] = saved(SMOOTH, "WEBP", lossless=True)


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


def test_what_is_no_image() -> None:
    data = b"<html>404 Not Found</html>"
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
    with pytest.raises(ImageError, match=r"^bomb.png has 400,000,000 pixels.*178,956,970.*XRV_MAX_PIXELS"):
        decode_image(data, "bomb.png")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_several_frames(kind: str) -> None:
    others = [Image.fromarray(SMOOTH // n) for n in (2, 3)]
    with pytest.raises(ImageError, match=r"^film: has 3 frames.*frame=0 to 2"):
        decode_image(saved(SMOOTH, kind, save_all=True, append_images=others), "film")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_frame_chooses_a_page(kind: str, tmp_path: Path) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / "film"
    path.write_bytes(saved(SMOOTH, kind, save_all=True, append_images=[Image.fromarray(SMOOTH // 2)], **options))
    for k, pixels in enumerate([SMOOTH, SMOOTH // 2]):
        np.testing.assert_allclose(load_image(path, frame=k)[0], pixels / 255 * 2048 - 1024, atol=3e-4)
    with pytest.raises(ImageError, match="no frame 2"):
        load_image(path, frame=2)


OTHERS = {kind: saved(np.stack([SMOOTH] * 3, axis=-1), kind) for kind in ("JPEG2000", "PPM", "ICO")}
OTHERS |= {
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "JPEG XL": b"\xff\x0a" + bytes(40),
    "HEIC": b"\0\0\0\x18ftypheic" + bytes(40),
    "AVIF": b"\0\0\0\x18ftypavif" + bytes(40),
    "NumPy": b"\x93NUMPY" + bytes(80),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_valid_files_of_other_kinds_are_not_called_damaged(kind: str) -> None:
    with pytest.raises(ImageError, match=r"^x: .* is not read\. Convert") as error:
        decode_image(OTHERS[kind], "x")
    assert "damaged" not in str(error.value)


def other_tiffs() -> dict[str, bytes]:
    deep = np.arange(13 * 21 * 4, dtype="u2").reshape(13, 21, 4) * 40
    kinds = {
        "associated": (deep, {"photometric": "rgb", "extrasamples": ["assocalpha"]}),
        "planes": (np.moveaxis(deep[..., :3], 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        "five": (np.concatenate([deep, deep[..., :1]], axis=2), {"planarconfig": "contig"}),
        "grey and alpha": (deep[..., :2], {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
        "alpha planes": (
            np.moveaxis(deep[..., :2].astype("u1"), 2, 0),
            {"planarconfig": "separate", "extrasamples": ["assocalpha"]},
        ),
        "half": (deep[..., 0].astype("f2"), {}),
        "u8": (deep[..., 0].astype("u8"), {}),
    }
    found = {}
    for name, (pixels, options) in kinds.items():
        for compression in (None, "deflate"):
            out = BytesIO()
            tifffile.imwrite(out, pixels, **({"photometric": "minisblack", "compression": compression} | options))
            found[f"{name} {compression}"] = out.getvalue()
    return found


@pytest.mark.parametrize(("kind", "data"), other_tiffs().items())
def test_tiffs_that_are_not_exact_are_refused_in_words(kind: str, data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^x: .*(not read|cannot be read exactly).*Convert.*PNG") as error:
        decode_image(data, "x")
    assert "damaged" not in str(error.value)


def test_a_tiff_whose_directory_is_cut_is_damaged() -> None:
    with pytest.raises(ImageError, match=AGAIN):
        decode_image(other_tiffs()["five None"][:60], "x")


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("alpha", [255, 128])
def test_premultiplied_grey_is_divided_by_its_alpha(compression: str | None, alpha: int) -> None:
    grey = SMOOTH.astype("u4")
    pixels = np.stack([(grey * alpha + 127) // 255, np.full_like(grey, alpha)], axis=-1).astype("u1")
    out = BytesIO()
    tifffile.imwrite(out, pixels, photometric="minisblack", extrasamples=["assocalpha"], compression=compression)
    step = 2048 / 255 * (1e-4 if alpha == 255 else 2)
    np.testing.assert_allclose(decode_image(out.getvalue(), "x")[0], grey / 255 * 2048 - 1024, atol=step)


def test_float_pixels_have_no_possible_range() -> None:
    with pytest.raises(ImageError, match=r"^f.tif: floating-point pixels.*Convert.*PNG"):
        decode_image(saved(np.zeros((4, 4), np.float32), "TIFF"), "f.tif")


def test_other_colour_spaces() -> None:
    out = BytesIO()
    Image.new("LAB", (4, 4)).save(out, "TIFF")
    with pytest.raises(ImageError, match=r"^lab.tif: .*'LAB'.*Convert.*PNG"):
        decode_image(out.getvalue(), "lab.tif")
