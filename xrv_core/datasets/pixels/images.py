"""Decode image files to pixels in [-1024, 1024] by what the encoding *can* hold, never by what an image holds."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrv_core.datasets.pixels.pixels import PixelRecipe, luminance, scale_pixels
from xrv_core.errors import ImageError, PathMissing

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["decode_image", "load_image"]

# Only these decoders see a file: others run interpreters (EPS) or have no fixed value range (FITS).
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF")
_READABLE = "PNG, JPEG, TIFF, BMP, GIF and DICOM"
_AGAIN = "Download or copy it again, and compare sizes or checksums with the source."
# Pillow keeps the high byte of 16-bit colour samples; the same data read in the other byte order gives the low one.
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0 tags
_MIN_IS_WHITE, _SIGNED = 0, 2


_PLAIN = PixelRecipe()


def load_image(path: str | Path, *, recipe: PixelRecipe = _PLAIN) -> NDArray[np.float32]:
    """Read one image file: PNG, JPEG, TIFF, BMP, GIF or DICOM, recognised by content.

    The possible range of the encoding (8 bit: 0..255, 16 bit: 0..65535, DICOM: from BitsStored) is
    mapped linearly to [-1024, 1024]. Colour whose channels are equal is read as grey, other colour as
    luminance (ITU-R BT.601, in float). Alpha is dropped, palettes are expanded, CMYK is converted.
    16-bit colour is exact. An orientation in EXIF is ignored: the stored rows are the image.

    Args:
        path: The file.
        recipe: DICOM options.

    Returns:
        float32 ``[1, H, W]`` in [-1024, 1024].

    Raises:
        PathMissing: There is no such file.
        ImageError: It cannot be decoded, has several frames, or values without a possible range (float).
        MissingDependency: It is DICOM and pydicom or a codec is not installed.
    """
    path = Path(path)
    if path.is_dir():
        raise ImageError(f"{path}: is a folder, not an image file.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise PathMissing(f"{path}: no such file. Check the path.") from None
    return decode_image(data, str(path), recipe)


def decode_image(data: bytes, name: str, recipe: PixelRecipe = _PLAIN) -> NDArray[np.float32]:
    """Decode the bytes of one image file; see ``load_image``.

    Args:
        data: The whole file.
        name: What to call it in errors; ``.dcm`` or ``.dicom`` marks DICOM without the usual preamble.
        recipe: DICOM options.

    Returns:
        float32 ``[1, H, W]`` in [-1024, 1024].

    Raises:
        ImageError: See ``load_image``.
        MissingDependency: See ``load_image``.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes). {_AGAIN}")
    if data[128:132] == b"DICM" or name.lower().endswith((".dcm", ".dicom")):
        from xrv_core.datasets.pixels.dicom import decode_dicom

        return decode_dicom(data, name, recipe)
    values, low, high = _grey(*_samples(data, name), name)
    return scale_pixels(values, low, high)[np.newaxis]


def _samples(data: bytes, name: str) -> tuple[ImageFile, NDArray[Any]]:
    """The image and its raw samples as Pillow gives them, or uint16 where it would halve 16-bit colour."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(data), formats=_FORMATS)
        frames = getattr(image, "n_frames", 1)
        if frames == 1:
            if image.format == "PNG":  # Pillow checks the CRC of pixel data nowhere else
                Image.open(BytesIO(data), formats=["PNG"]).verify()
            return image, _deep_colour(data, image) if _is_deep_colour(image) else np.asarray(image)
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: not an image that can be read. Readable are {_READABLE}. If it should be one of these, it is "
            f"damaged. {_AGAIN}"
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: refused, too large to be a radiograph. {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # what a decoder raises on damaged bytes has no common class
        raise ImageError(f"{name}: damaged or cut short ({error}). {_AGAIN}") from error
    raise ImageError(f"{name}: has {frames} frames; an X-ray image is a single frame. Export the frame you need.")


def _is_deep_colour(image: ImageFile) -> bool:
    raw = _raw_mode(image)
    return image.mode in ("RGB", "RGBA", "RGBX", "CMYK") and raw[-4:-1] == ";16"


def _raw_mode(image: ImageFile) -> str:
    """How the samples lie in the file, in Pillow's names, such as "RGB;16B"."""
    args = image.tile[0].args if image.tile else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _deep_colour(data: bytes, image: ImageFile) -> NDArray[Any]:
    """All 16 bits of every sample; grey with alpha comes as ``[H, W, 1]``."""
    from PIL import Image

    raw = _raw_mode(image)
    with Image.open(BytesIO(data), formats=[image.format or ""]) as other:
        # 16-bit grey and alpha are four bytes a pixel, just like 8-bit RGBA
        other_raw = "RGBA" if raw.startswith("LA;") else raw[:-1] + _OTHER_ORDER[raw[-1]]
        other.tile = [
            tile._replace(args=(other_raw, *tile.args[1:]) if isinstance(tile.args, tuple) else other_raw)
            for tile in other.tile
        ]
        second = np.asarray(other).astype(np.uint16)
    if other_raw == "RGBA":
        return (second[..., :1] << 8) | second[..., 1:2]
    return (np.asarray(image).astype(np.uint16) << 8) | second


def _grey(image: ImageFile, values: NDArray[Any], name: str) -> tuple[NDArray[Any], float, float]:
    """Grey samples ``[H, W]`` with the lowest and highest value that the encoding can hold."""
    mode = image.mode
    tags: Any = getattr(image, "tag_v2", {})
    top = 65535.0 if values.dtype == np.uint16 else 255.0
    if mode in ("LA", "PA", "RGB", "RGBA", "RGBX", "CMYK") and top == 255 and max(tags.get(_BITS, (8,))) > 8:
        raise ImageError(f"{name}: this layout of 16-bit colour cannot be read exactly. Convert it to 16-bit grey.")
    if mode == "1":
        return values.astype(np.uint8), 0, 1
    if mode in ("L", "I") or mode.startswith("I;16"):
        return _integers(values, mode, tags)
    if mode == "LA" or (mode == "RGBA" and values.shape[2] == 1):
        return values[..., 0], 0, top
    if mode in ("P", "PA"):
        palette = np.zeros(768, np.uint8)  # an index beyond the palette is black, as in every viewer
        colours = image.getpalette("RGB") or []
        palette[: len(colours)] = colours
        return luminance(palette.reshape(256, 3)[values if mode == "P" else values[..., 0]]), 0, 255
    if mode in ("RGB", "RGBA", "RGBX"):
        return luminance(values), 0, top
    if mode == "CMYK":  # Pillow has undone the inversion that Adobe writes into JPEG
        ink = values.astype(np.float32) / np.float32(top)
        return luminance((1 - ink[..., :3]) * (1 - ink[..., 3:])), 0, 1
    why = "floating-point pixels have no possible range to scale from"
    raise ImageError(
        f"{name}: {why if mode == 'F' else f'pixels of mode {mode!r} cannot be read'}. "
        "Convert the file to 8-bit or 16-bit grey PNG."
    )


def _integers(values: NDArray[Any], mode: str, tags: Any) -> tuple[NDArray[Any], float, float]:
    """Grey integers with their possible range; TIFF tags say what Pillow's mode does not."""
    bits = 8 if mode == "L" else int(max(tags.get(_BITS, (16,))))  # fewer than 8 bits are widened to 8 by Pillow
    signed = _SIGNED in tags.get(_SAMPLE_FORMAT, ())
    if bits in (8, 32):  # Pillow ignores the sign of 8-bit samples and assumes it for 32-bit ones
        values = values.view(np.dtype(f"{'i' if signed else 'u'}{bits // 8}"))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if mode != "L" and tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE:  # Pillow inverts 8 bit and less by itself
        values = (low + high) - values.astype(np.int64)
    return values, low, high
