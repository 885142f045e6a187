"""Decode image files to pixels in [-1024, 1024].

The scale comes from the range that the encoding *can* hold, never from the values of one image.
"""

from __future__ import annotations

import base64
import re
import sys
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrv_core.assets import limit, within
from xrv_core.datasets.pixels.opening import COUNTS, FILMS, READABLE, check_scans, large_images, opened
from xrv_core.datasets.sources import read_file
from xrv_core.errors import ArgumentError, ImageError, PathMissing, XrvError, reading

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["PixelRecipe", "decode_image", "is_dicom", "load_image", "luminance", "png_uri", "scale_pixels"]

_AGAIN = "Download or copy it again, and compare sizes or checksums with the source."
# Pillow keeps only the high byte of 16-bit colour samples; reading in the other byte order gives the low byte.
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_BITS, _PHOTOMETRIC, _PLANES, _EXTRA, _SAMPLE_FORMAT = 258, 262, 284, 338, 339  # TIFF 6.0 tags
_ASSOCIATED = 1
_CONVERT = "Convert the file to 8-bit or 16-bit grey PNG."
_NOT_READ = "unknown (pixel|raw) mode|unknown data organization|[Uu]nsupported|not available|No decoder"
#: Where other kinds of files have which bytes.
_OTHER_KINDS = (
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphe", "HEIC"),
    (4, b"ftypmif1", "HEIC or AVIF"),
    (4, b"ftypmsf1", "HEIC or AVIF"),
    (4, b"JXL \r\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"jP  \r\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"II\xbc\x01", "JPEG XR"),
    *((0, b"P%d%c" % (n, end), "PNM (PBM, PGM or PPM)") for n in range(1, 8) for end in b"\n \r\t"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"%PDF", "PDF"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"NRRD", "NRRD"),
    (344, b"n+1\0", "NIfTI"),
    (0, b"ObjectType", "MetaImage"),
    (0, b"\x89HDF\r\n", "HDF5"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"qoif", "QOI"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"<svg", "SVG"),
)
_FIRST_LENGTH = 256  # bytes of the first element of a DICOM file, at most
_MIN_IS_WHITE, _SIGNED = 0, 2


@dataclass(frozen=True, kw_only=True)
class PixelRecipe:
    """How pixels are read from a file; a dataset keeps its recipe. All options but ``frame`` are for DICOM files.

    Args:
        modality_lut: Apply the modality LUT (rescale slope and intercept, or a LUT sequence).
        voi_lut: Apply the modality LUT, then the file's first VOI LUT or window.
        fix_monochrome: Invert MONOCHROME1 images, where the lowest value is white.
        padding: Pixels that the file declares to be no image, by PixelPaddingValue, or from it to
            PixelPaddingRangeLimit: "keep" them as they are stored, often white in MONOCHROME1 images, or make them
            "black", -1024, after all other steps.
        frame: The frame to read, from 0, of files with several; None refuses such files.

    Raises:
        ArgumentError: ``padding`` is neither, or ``frame`` is negative.
    """

    modality_lut: bool = False
    voi_lut: bool = False
    fix_monochrome: bool = True
    padding: str = "keep"
    frame: int | None = None

    def __post_init__(self) -> None:
        if self.padding not in ("keep", "black"):
            raise ArgumentError(f"padding={self.padding!r} is unknown. Choose 'keep' or 'black'.")
        if self.frame is not None and self.frame < 0:
            raise ArgumentError(f"frame={self.frame} is negative. Frames count from 0.")


_PLAIN = PixelRecipe()


def load_image(path: str | Path, *, recipe: PixelRecipe = _PLAIN, frame: int | None = None) -> NDArray[np.float32]:
    """Read one PNG, JPEG, TIFF, BMP, GIF, WebP or DICOM file; the content decides the format.

    The possible range of the encoding (8 bit: 0..255, 16 bit: 0..65535, DICOM: from BitsStored) is
    mapped linearly to [-1024, 1024]. Colour with equal channels is read as grey, other colour as
    luminance (ITU-R BT.601, in float). Alpha is dropped, palettes are expanded, CMYK is converted.
    16-bit colour is exact. The EXIF orientation is ignored.

    Args:
        path: The file.
        recipe: DICOM options.
        frame: Shorthand for the ``frame`` of ``recipe``.

    Returns:
        float32 ``[1, H, W]`` in [-1024, 1024].

    Raises:
        PathMissing: There is no such file.
        ImageError: The file cannot be decoded, has several frames, has float pixels, which have no fixed range, or
            is beyond a limit, such as ``XRV_MAX_PIXELS``.
        MissingDependency: The file is DICOM, and pydicom or a codec is not installed.
    """
    path = Path(path)
    with reading(path, ImageError, "Check the path and its permissions."):
        if path.is_dir():
            raise ImageError(f"{path}: this is a folder, not an image file.")
        if not path.exists():
            raise PathMissing(f"{path}: no such file. Check the path.")
        data = read_file(path)
    return decode_image(data, str(path), recipe if frame is None else replace(recipe, frame=frame))


def decode_image(data: bytes, name: str, recipe: PixelRecipe = _PLAIN) -> NDArray[np.float32]:
    """Decode the bytes of one image file; returns and raises the same as ``load_image``.

    Args:
        data: The whole file.
        name: Its name for errors; ``.dcm`` and ``.dicom`` mark DICOM files, whatever they begin with.
        recipe: DICOM options.
    """
    try:
        if not data:
            raise ImageError(f"{name}: the file is empty (0 bytes). {_AGAIN}")
        if is_dicom(data) or name.lower().endswith((".dcm", ".dicom")):
            from xrv_core.datasets.pixels.dicom import decode_dicom

            return decode_dicom(data, name, recipe)
        values, low, high = _grey(*_samples(data, name, recipe.frame), name)
        return scale_pixels(values, low, high)[np.newaxis]
    except BaseException:  # the panic of a codec in Rust is no Exception
        with reading(name, ImageError, _AGAIN):
            raise


def is_dicom(data: bytes) -> bool:
    """Whether a file is DICOM by its first 132 bytes: the usual preamble, or an element of group 0002 or 0008.

    Without a preamble the file begins with the tag of an element, its type of two capitals (or its length, which is
    short) and its length.
    """
    if data[128:132] == b"DICM":
        return True
    tag, kind, rest = data[:4], data[4:6], data[6:8]
    if tag[:2] not in (b"\x02\x00", b"\x08\x00") or tag[3:] != b"\x00" or len(rest) < 2:
        return False
    explicit = kind.isalpha() and kind.isupper()
    return explicit or (rest == b"\0\0" and int.from_bytes(kind, "little") <= _FIRST_LENGTH)


def scale_pixels(values: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Map the possible range ``low..high`` linearly to [-1024, 1024], as float32."""
    exact = np.float32 if values.dtype.itemsize <= 2 or values.dtype == np.float32 else np.float64
    x: Any = values.astype(exact)
    if low:
        x -= exact(low)
    x /= exact(high - low)
    x *= 2048
    x -= 1024
    scaled: NDArray[np.float32] = x.astype(np.float32, copy=False)
    return scaled


def chosen_frame(frame: int | None, frames: int, name: str) -> int:
    """The position of the frame to read; an ImageError unless there is one only, or ``frame`` is one of them."""
    if frame is None and frames != 1:
        raise ImageError(
            f"{name}: has {frames} frames; an X-ray image is a single frame. Choose one with frame=0 to {frames - 1}, "
            "as in load_image(path, frame=0), or recipe=PixelRecipe(frame=0) of a dataset; or export it."
        )
    if frame is not None and frame >= frames:
        raise ImageError(f"{name}: has no frame {frame}. Its frames are 0 to {frames - 1}.")
    return frame or 0


def luminance(colour: NDArray[Any]) -> NDArray[Any]:
    """Grey from colour ``[H, W, 3...]``: one channel if all are equal, else BT.601 luminance as float."""
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red
    grey: NDArray[Any] = np.float32(0.299) * red
    grey += np.float32(0.587) * green
    grey += np.float32(0.114) * blue
    return grey


def png_uri(image: NDArray[np.float32], side: int = 224) -> str:
    """A thumbnail of an image ``[H, W]`` in [-1024, 1024], as a data URI of a PNG with sides of at most ``side``."""
    from PIL import Image

    grey = Image.fromarray(np.clip((image + 1024) * (255 / 2048) + 0.5, 0, 255).astype(np.uint8))
    grey.thumbnail((side, side))
    buffer = BytesIO()
    grey.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _samples(data: bytes, name: str, frame: int | None, large: bool = False) -> tuple[ImageFile, NDArray[Any]]:
    """The image and its samples; 16-bit colour, which Pillow cuts to 8 bits, comes as uint16."""
    from PIL import Image

    try:
        image = opened(BytesIO(data))
        if image.format in COUNTS:  # before Pillow looks at each frame
            within("frames", COUNTS[image.format](data, limit("frames")))
        frames, index = getattr(image, "n_frames", 1), 0
        within("frames", frames)
        if (frames, frame) != (1, None):
            index = chosen_frame(frame, frames, name)
        if image.format == "PNG":  # Pillow checks the CRC of pixel data nowhere else
            opened(BytesIO(data)).verify()
        if image.format in ("JPEG", "MPO"):
            check_scans(data)
        within("pixels", image.width * image.height * (index + 1 if image.format in FILMS else 1))
        image.seek(index)
        within("pixels", image.width * image.height)
        args = image.tile[0].args if image.tile else ""
        raw = str(args[0] if isinstance(args, tuple) and args else args)  # the layout in the file, such as "RGB;16B"
        if image.mode == "La" or raw.startswith(("RGBa;16", "La;16")) or (image.format == "TIFF" and _in_planes(image)):
            return image, _unusual(image, name)
        deep = image.mode in ("RGB", "RGBA", "RGBX", "CMYK") and raw[-4:-1] == ";16"
        return image, _deep_colour(data, image, index, raw) if deep else np.asarray(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if large:
            raise ImageError(f"{name}: {error} XRV_MAX_PIXELS sets this limit.") from error
        with large_images():  # it was beyond Pillow's limit, and not ours
            return _samples(data, name, frame, large=True)
    except (XrvError, MemoryError):
        raise
    except Exception as error:  # decoders have no common error class for damaged bytes
        raise _undecoded(error, data, name) from error


def _undecoded(error: Exception, data: bytes, name: str) -> ImageError:
    """The error about a file that Pillow does not decode."""
    from PIL import UnidentifiedImageError

    if not isinstance(error, UnidentifiedImageError):
        if re.search(_NOT_READ, str(error)):
            return ImageError(f"{name}: this kind of image is not read ({error}). {_CONVERT}")
        return ImageError(f"{name}: damaged or cut short ({error}). {_AGAIN}")
    if kind := _other_kind(data):
        return ImageError(f"{name}: {kind} is not read. {_CONVERT}")
    return ImageError(
        f"{name}: not a readable image. Readable formats are {', '.join(READABLE)} and DICOM. If the file should "
        f"have one of them, it is damaged. {_AGAIN}"
    )


def _in_planes(image: ImageFile) -> bool:
    """Whether a TIFF has separate planes that Pillow misreads: of 16 bits (high byte twice) or associated alpha (0)."""
    tags: Any = getattr(image, "tag_v2", {})
    misread = max(tags.get(_BITS, (8,))) > 8 or _ASSOCIATED in tags.get(_EXTRA, ())
    return tags.get(_PLANES) == 2 and len(image.getbands()) > 1 and misread


def _unusual(image: ImageFile, name: str) -> NDArray[Any]:
    """Grey with associated alpha, which is divided by it as Pillow does for colours; 16 bits and planes are refused."""
    if image.mode == "La" and not _in_planes(image):
        return np.asarray(image.convert("LA"))
    what = "16-bit colour, or associated alpha, in separate planes" if _in_planes(image) else "16-bit associated alpha"
    raise ImageError(f"{name}: {what} cannot be read exactly. {_CONVERT}")


def _other_kind(data: bytes) -> str | None:
    """What a file is that Pillow does not know; None if it may be a damaged file of a readable kind."""
    from PIL.TiffImagePlugin import TiffImageFile

    for start, magic, kind in _OTHER_KINDS:
        if data[start : start + len(magic)] == magic:
            return kind
    if data[:2] in (b"II", b"MM") and _has_whole_directory(data):
        try:
            TiffImageFile(BytesIO(data))
        except Exception as error:  # KeyError: an unknown compression
            return (
                "this kind of TIFF"
                if isinstance(error.__cause__, KeyError) or re.search(_NOT_READ, str(error))
                else None
            )
    return None


def _has_whole_directory(data: bytes) -> bool:
    """Whether the first directory of a TIFF is in the file; BigTIFF has another layout."""
    order: Any = "little" if data[:2] == b"II" else "big"
    start = int.from_bytes(data[4:8], order)
    entries = int.from_bytes(data[start : start + 2], order)
    return int.from_bytes(data[2:4], order) != 42 or 8 <= start <= len(data) - 6 - 12 * entries


def _deep_colour(data: bytes, image: ImageFile, index: int, raw: str) -> NDArray[Any]:
    """All 16 bits of every sample; grey with alpha has the shape ``[H, W, 1]``."""
    with opened(BytesIO(data)) as other:
        other.seek(index)
        # 16-bit grey and alpha have four bytes a pixel, like 8-bit RGBA
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
    """Grey samples ``[H, W]``, and the lowest and highest value that the encoding can hold."""
    mode = image.mode
    tags: Any = getattr(image, "tag_v2", {})
    top = 65535.0 if values.dtype == np.uint16 else 255.0
    if mode in ("LA", "PA", "RGB", "RGBA", "RGBX", "CMYK") and top == 255 and max(tags.get(_BITS, (8,))) > 8:
        raise ImageError(
            f"{name}: 16-bit colour in this layout cannot be read exactly. Convert the file to 16-bit grey."
        )
    if mode == "1":
        return values.astype(np.uint8), 0, 1
    if mode in ("L", "I") or mode.startswith("I;16"):
        return _integers(values, mode, tags)
    if mode in ("LA", "La") or (mode == "RGBA" and values.shape[2] == 1):
        return values[..., 0], 0, top
    if mode in ("P", "PA"):
        palette = np.zeros(768, np.uint8)  # an index outside the palette is black, as in every viewer
        colours = image.getpalette("RGB") or []
        palette[: len(colours)] = colours
        return luminance(palette.reshape(256, 3)[values if mode == "P" else values[..., 0]]), 0, 255
    if mode in ("RGB", "RGBA", "RGBX"):
        return luminance(values), 0, top
    if mode == "CMYK":  # Pillow has undone the inversion that Adobe writes into JPEG
        ink = values.astype(np.float32) / np.float32(top)
        return luminance((1 - ink[..., :3]) * (1 - ink[..., 3:])), 0, 1
    why = "floating-point pixels have no fixed range to scale from" if mode == "F" else f"unsupported mode {mode!r}"
    raise ImageError(f"{name}: {why}. Convert the file to 8-bit or 16-bit grey PNG.")


def _integers(values: NDArray[Any], mode: str, tags: Any) -> tuple[NDArray[Any], float, float]:
    """Grey integers and their possible range; TIFF tags have facts that Pillow's mode lacks."""
    bits = 8 if mode == "L" else int(max(tags.get(_BITS, (16,))))  # Pillow widens fewer than 8 bits to 8
    signed = _SIGNED in tags.get(_SAMPLE_FORMAT, ())
    if bits in (8, 32):  # Pillow ignores the sign of 8-bit samples and assumes it for 32-bit ones
        values = values.view(np.dtype(f"{'i' if signed else 'u'}{bits // 8}"))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if mode != "L" and tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE:  # Pillow inverts up to 8 bits itself
        values = (low + high) - values.astype(np.int64)
    return values, low, high
