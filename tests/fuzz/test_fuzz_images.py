"""Damaged image files: pixels in [-1024, 1024], or an ImageError that names the file, whatever a decoder raises."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from mutations import cases, damaged, untyped
from PIL import Image

from xrv_core.datasets import PixelRecipe, decode_image

SMOOTH = np.add.outer(np.arange(40), np.arange(60)).astype("u1")
DEEP = SMOOTH.astype("u2") * 600
COLOUR = np.stack([SMOOTH, SMOOTH // 2, 255 - SMOOTH], axis=-1)


def frames() -> dict[str, Any]:
    """Options that save three frames; the images are new each time, because a plugin leaves its own options at them."""
    return {"save_all": True, "append_images": [Image.fromarray(SMOOTH // n) for n in (2, 3)]}


def pillow() -> Iterator[tuple[str, bytes]]:
    """A file of every kind that Pillow writes and we read."""
    grey, deep, colour = Image.fromarray(SMOOTH), Image.fromarray(DEEP), Image.fromarray(COLOUR)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a chest"
    images: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("PNG", grey, {}),
        ("PNG", deep, {}),
        ("PNG", colour, {"icc_profile": b"profile" * 20}),
        ("PNG", colour.convert("RGBA"), {}),
        ("PNG", colour.quantize(16), {}),
        ("PNG", grey.convert("1"), {}),
        ("PNG", grey.convert("LA"), {}),
        ("PNG", grey, frames()),
        ("JPEG", grey, {}),
        ("JPEG", colour, {"exif": exif}),
        ("JPEG", colour, {"progressive": True}),
        ("JPEG", colour.convert("CMYK"), {}),
        ("MPO", grey, frames()),
        ("BMP", grey, {}),
        ("BMP", colour, {}),
        ("BMP", grey.convert("1"), {}),
        ("GIF", grey, {}),
        ("GIF", colour, frames()),
        ("WEBP", colour, {}),
        ("WEBP", colour.convert("RGBA"), {"lossless": True}),
        ("WEBP", grey, frames()),
        ("TIFF", grey.copy(), frames()),
        ("TIFF", grey.convert("1"), {"compression": "group4"}),
    ]
    for kind, image, options in images:
        out = BytesIO()
        image.save(out, kind, **options)
        yield f"{kind} {image.mode}", out.getvalue()


def tiffs() -> Iterator[tuple[str, bytes]]:
    """TIFF by tifffile: packed in every way that our decoders know, in strips, tiles and planes, big and small."""
    for packed in (None, "deflate", "lzw", "packbits", "jpeg", "lzma", "zstd", "webp"):
        deep = {} if packed in ("jpeg", "webp") else {"grey 16": DEEP, "float": DEEP.astype("f4")}
        kinds = {"colour": COLOUR, **({} if packed == "webp" else {"grey": SMOOTH}), **deep}
        for kind, pixels in kinds.items():
            out = BytesIO()
            photometric = "rgb" if pixels.ndim == 3 else "minisblack"
            tifffile.imwrite(out, pixels, compression=packed, photometric=photometric, rowsperstrip=16)
            yield f"TIFF {kind} {packed}", out.getvalue()
    wide = {"photometric": "minisblack"}
    for name, pixels, options in (
        ("tiles", SMOOTH, {**wide, "tile": (16, 16)}),
        ("tiles deflate", DEEP, {**wide, "tile": (16, 16), "compression": "deflate"}),
        ("big", DEEP, {**wide, "bigtiff": True}),
        ("big endian", DEEP, {**wide, "byteorder": ">"}),
        ("white", DEEP, {"photometric": "miniswhite"}),
        ("signed", DEEP.astype("i2"), wide),
        ("32 bits", DEEP.astype("u4"), wide),
        ("deep colour", COLOUR.astype("u2") * 257, {"photometric": "rgb"}),
        ("planes", np.moveaxis(COLOUR, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        ("alpha", COLOUR[..., :2], {**wide, "extrasamples": ["assocalpha"]}),
    ):
        out = BytesIO()
        tifffile.imwrite(out, pixels, **options)
        yield f"TIFF {name}", out.getvalue()


def others() -> Iterator[tuple[str, bytes]]:
    yield "PNG deep colour", imagecodecs.png_encode(COLOUR.astype("u2") * 257)
    yield "PNG deep alpha", imagecodecs.png_encode(np.stack([DEEP, DEEP], axis=-1))
    yield "JPEG 2000", imagecodecs.jpeg2k_encode(SMOOTH)


SEEDS = [*pillow(), *tiffs(), *others()]
#: What is passed to the reader beside the file.
RECIPES = (PixelRecipe(), PixelRecipe(), PixelRecipe(frame=0), PixelRecipe(frame=1))


def read(data: bytes, name: str, recipe: PixelRecipe) -> None:
    """Decode; pixels that are not on our scale are a fault as well."""
    pixels = decode_image(data, name, recipe)
    assert pixels.dtype == np.float32
    assert pixels.shape[0] == 1 < pixels.ndim == 3
    assert -1024.01 <= pixels.min() <= pixels.max() <= 1024.01, (pixels.min(), pixels.max())


def test_the_seeds_are_files_that_are_read_or_refused_in_words() -> None:
    kinds = [kind for kind, data in SEEDS if not untyped(lambda d=data: decode_image(d, "x", RECIPES[2]), "x")]
    assert len(kinds) == len(SEEDS) > 50
    unread = []
    for kind, data in SEEDS:
        try:
            read(data, "x", RECIPES[2])
        except Exception as error:
            unread.append(f"{kind}: {error}")
    assert len(unread) <= 15, unread


@pytest.mark.filterwarnings("ignore")
def test_damaged_images() -> None:
    failures = []
    for seed in cases(0.25):
        kind, data = SEEDS[seed % len(SEEDS)]
        broken, recipe = damaged(data, seed), RECIPES[seed // len(SEEDS) % len(RECIPES)]
        if fault := untyped(lambda d=broken, r=recipe: read(d, "folder/é x.png", r), "folder/é x.png"):
            failures.append(f"seed {seed}, {kind}: {fault}")
    assert not failures, (len(failures), failures[:5])
