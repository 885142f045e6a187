"""Every encoding that a chest X-ray comes in, written here and read back to the exact grey value."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from xrv_core.datasets.pixels.images import decode_image, luminance, scale_pixels

RNG = np.random.default_rng(7)
WEIGHTS = (0.299, 0.587, 0.114)


def expected(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The contract, in double precision."""
    return ((values.astype(np.float64) - low) / (high - low) * 2048 - 1024)[None]


def grey_of(rgb: np.ndarray) -> np.ndarray:
    return rgb[..., :3].astype(np.float64) @ WEIGHTS


def assert_decodes(data: bytes, values: np.ndarray, low: float, high: float, name: str = "x") -> None:
    image = decode_image(data, name)
    assert image.dtype == np.float32
    assert image.flags.writeable
    assert image.shape == (1, *values.shape)
    assert image.min() >= -1024
    assert image.max() <= 1024
    np.testing.assert_allclose(image, expected(values, low, high), rtol=0, atol=3e-4)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values: np.ndarray, depth: int, colour: int, extra: bytes = b"", shape: tuple[int, int] | None = None) -> bytes:
    """A PNG of any bit depth and colour type: 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA."""
    height, width = shape or values.shape[:2]
    rows = values.reshape(values.shape[0], -1)
    if depth == 16:
        packed = [row.astype(">u2").tobytes() for row in rows]
    else:
        bits = ((rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1).reshape(len(rows), -1).astype(np.uint8)
        packed = [np.packbits(row).tobytes() for row in bits]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in packed)))
    return b"\x89PNG\r\n\x1a\n" + header + extra + body + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def tiff(values: np.ndarray, **options: object) -> bytes:
    out = BytesIO()
    tifffile.imwrite(out, values, **{"photometric": "minisblack", **options})
    return out.getvalue()


def noise(top: int, *shape: int, low: int = 0, dtype: str = "u2") -> np.ndarray:
    return RNG.integers(low, top + 1, shape or (13, 21)).astype(dtype)


# -- PNG


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("extra", [b"", chunk(b"tRNS", b"\0\1")], ids=["plain", "tRNS"])
def test_png_grey(depth: int, extra: bytes) -> None:
    values = noise(2**depth - 1)
    assert_decodes(png(values, depth, 0, extra), values, 0, 2**depth - 1)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("alpha", [b"", chunk(b"tRNS", b"\0\x80")], ids=["opaque", "tRNS"])
def test_png_palette(depth: int, alpha: bytes) -> None:
    colours = noise(255, 2**depth, 3, dtype="u1")
    index = noise(2**depth - 1)
    data = png(index, depth, 3, chunk(b"PLTE", colours.tobytes()) + alpha)
    assert_decodes(data, grey_of(colours[index]), 0, 255)


def test_png_palette_of_greys_is_exact() -> None:
    greys = noise(255, 256, dtype="u1")
    index = noise(255)
    data = png(index, 8, 3, chunk(b"PLTE", np.repeat(greys, 3).tobytes()))
    assert np.array_equal(decode_image(data, "x"), scale_pixels(greys[index], 0, 255)[None])


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4), (4, 2)], ids=["RGB", "RGBA", "LA"])
@pytest.mark.parametrize("depth", [8, 16])
def test_png_colour_and_alpha(colour: int, channels: int, depth: int) -> None:
    values = noise(2**depth - 1, 13, 21, channels)
    grey = values[..., 0] if channels == 2 else grey_of(values)
    assert_decodes(png(values, depth, colour), grey, 0, 2**depth - 1)


@pytest.mark.parametrize(("colour", "alpha"), [(2, 0), (6, 1)], ids=["RGB", "RGBA"])
@pytest.mark.parametrize("depth", [8, 16])
def test_equal_channels_are_the_grey_itself(colour: int, alpha: int, depth: int) -> None:
    grey = noise(2**depth - 1)
    values = np.concatenate([np.repeat(grey[..., None], 3, 2), noise(2**depth - 1, 13, 21, alpha)], axis=2)
    exact = decode_image(png(grey, depth, 0), "x")
    assert np.array_equal(decode_image(png(values, depth, colour), "x"), exact)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_colour_with_filters_written_by_libpng(channels: int) -> None:
    values = np.cumsum(noise(40, 33, 40, channels), axis=1).astype("u2") * 37
    grey = values[..., 0] if channels == 2 else grey_of(values)
    assert_decodes(imagecodecs.png_encode(values), grey, 0, 65535)


@given(level=st.integers(0, 65535), bits=st.sampled_from([8, 16]))
def test_scaling_never_looks_at_the_image(level: int, bits: int) -> None:
    level >>= 16 - bits
    image = decode_image(png(np.full((2, 2), level), bits, 0), "x")
    np.testing.assert_allclose(image, level / (2**bits - 1) * 2048 - 1024, atol=3e-4)


def test_ends_of_the_range_are_exact() -> None:
    for depth in (1, 8, 16):
        image = decode_image(png(np.array([[0, 2**depth - 1]]), depth, 0), "x")
        assert image.tolist() == [[[-1024.0, 1024.0]]]


# -- JPEG


def test_jpeg_grey_is_the_decoded_grey() -> None:
    data = saved(Image.fromarray(noise(255, 40, 56, dtype="u1")), "JPEG", quality=95)
    assert_decodes(data, np.asarray(Image.open(BytesIO(data))), 0, 255)


def test_jpeg_rgb_is_luminance_in_float() -> None:
    data = saved(Image.fromarray(noise(255, 40, 56, 3, dtype="u1")), "JPEG", quality=95)
    assert_decodes(data, grey_of(np.asarray(Image.open(BytesIO(data)))), 0, 255)


@pytest.mark.parametrize(("ink", "light"), [((0, 0, 0, 0), 1.0), ((0, 0, 0, 255), 0.0), ((0, 0, 0, 102), 0.6)])
def test_jpeg_cmyk_inverted_as_adobe_does(ink: tuple[int, ...], light: float) -> None:
    data = saved(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100)
    assert b"Adobe" in data
    np.testing.assert_allclose(decode_image(data, "x"), light * 2048 - 1024, atol=10)


def test_cmyk_of_one_colour_is_its_luminance() -> None:
    data = saved(Image.new("CMYK", (16, 16), (255, 0, 0, 51)), "TIFF")  # cyan: red is absorbed
    np.testing.assert_allclose(decode_image(data, "x"), (0.587 + 0.114) * 0.8 * 2048 - 1024, atol=0.1)


def test_exif_orientation_is_ignored() -> None:
    image = Image.fromarray(noise(255, 16, 32, dtype="u1"))
    exif = Image.Exif()
    exif[274] = 6  # rotate by 90 degrees
    assert np.array_equal(decode_image(saved(image, "JPEG", exif=exif), "x"), decode_image(saved(image, "JPEG"), "x"))


# -- TIFF, BMP, GIF


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_tiff_unsigned(order: str, compression: str | None, dtype: str) -> None:
    values = noise(np.iinfo(dtype).max, dtype=dtype)
    data = tiff(values.astype(order + dtype), byteorder=order, compression=compression)
    assert_decodes(data, values, 0, np.iinfo(dtype).max)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4"])
def test_tiff_of_other_integers(dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = RNG.integers(limits.min, limits.max, (13, 21), dtype=dtype, endpoint=True)
    assert_decodes(tiff(values), values, limits.min, limits.max)


@pytest.mark.parametrize("dtype", ["u1", "u2", "?"])
def test_tiff_min_is_white_is_inverted(dtype: str) -> None:
    values = noise(255).astype("u2") * (257 if dtype == "u2" else 1)
    values = (values % 2).astype(bool) if dtype == "?" else values.astype(dtype)
    top = 1 if dtype == "?" else np.iinfo(dtype).max
    assert_decodes(tiff(values, photometric="miniswhite"), top - values.astype(int), 0, top)


def test_tiff_of_12_bits() -> None:
    packed = np.random.default_rng(0).integers(0, 256, 16 * 4 * 3 // 2).astype("u1")
    pairs = packed.reshape(-1, 3).astype(int)
    first, second = (pairs[:, 0] << 4) | (pairs[:, 1] >> 4), ((pairs[:, 1] & 15) << 8) | pairs[:, 2]
    values = np.stack([first, second], axis=1).reshape(4, 16)
    assert_decodes(raw_tiff(packed.tobytes(), width=16, height=4, bits=12), values, 0, 4095)


def raw_tiff(data: bytes, *, width: int, height: int, bits: int) -> bytes:
    """A minimal little-endian TIFF of packed samples."""
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    tags.append((279, len(data)))
    directory = (
        struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHIHH", t, 3, 1, v, 0) for t, v in tags) + bytes(4)
    )
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_tiff_colour(order: str, compression: str | None) -> None:
    values = noise(65535, 13, 21, 3)
    for rgb, top in ((values, 65535), ((values >> 8).astype("u1"), 255)):
        data = tiff(
            rgb.astype(rgb.dtype.newbyteorder(order)), byteorder=order, photometric="rgb", compression=compression
        )
        assert_decodes(data, grey_of(rgb), 0, top)


def test_bmp_and_gif() -> None:
    values = noise(255, dtype="u1")
    for kind in ("BMP", "GIF"):
        assert_decodes(saved(Image.fromarray(values), kind), values, 0, 255)


def test_luminance_keeps_the_type_of_equal_channels() -> None:
    grey = noise(65535)
    assert luminance(np.stack([grey] * 3, axis=-1)).dtype == np.uint16
    assert luminance(noise(255, 4, 4, 3, dtype="u1")).dtype == np.float32
