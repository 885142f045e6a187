"""Decode DICOM files to pixels in [-1024, 1024]; pydicom is imported at the first DICOM file.

The possible range of the stored values, from BitsStored (b) and PixelRepresentation, is ``0 .. 2**b - 1`` or,
signed, ``-2**(b-1) .. 2**(b-1) - 1``; it is mapped linearly to [-1024, 1024]. Bits outside BitsStored are removed
if they are the same in all pixels, or a declared overlay. Then the options of the recipe apply to grey images, in
this order:

* ``modality_lut``: ``RescaleSlope`` and ``RescaleIntercept`` apply to the values and to the possible range, so
  a positive slope changes nothing and a negative one inverts the image. A modality LUT sequence has the range
  ``0 .. 2**n - 1`` of its n-bit entries.
* ``voi_lut``: the modality LUT, because windows use its units (PS3.3 C.11.2), then the first VOI LUT (range of
  its entries) or else the first window: LINEAR, LINEAR_EXACT or SIGMOID, whose darkest to brightest output is
  mapped to [-1024, 1024]. A file with neither is not changed.

MONOCHROME1 is inverted last, unless ``fix_monochrome=False``. Then ``padding="black"`` makes the padding that the file
declares -1024. Colour and palettes become luminance, as in ``load_image``.
"""

from __future__ import annotations

import math
from copy import copy
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrv_core.assets import within
from xrv_core.datasets.pixels.codecs import import_pydicom, unavailable, why_not_imported
from xrv_core.datasets.pixels.images import chosen_frame, luminance, scale_pixels
from xrv_core.datasets.pixels.inflating import read_dataset
from xrv_core.datasets.pixels.streams import EXPORT, checked_rle, checked_stream
from xrv_core.errors import ImageError, MissingDependency, XrvError

if TYPE_CHECKING:
    from xrv_core.datasets.pixels.images import PixelRecipe

__all__ = ["decode_dicom"]

_NEEDED = ("Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel", "PhotometricInterpretation")
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_JPEG_BASELINE, _JPEG_EXTENDED, _RLE = (f"1.2.840.10008.1.2.{tail}" for tail in ("4.50", "4.51", "5"))
# pydicom's default is slower for the first two, and for JPEG 2000 it is gdcm, which wrong streams may crash
_DECODER = {_JPEG_BASELINE: "pillow", _RLE: "pylibjpeg"} | {f"1.2.840.10008.1.2.4.{n}": "pylibjpeg" for n in (90, 91)}

# Pixel values, and their lowest and highest possible value.
_Pixels = tuple[NDArray[Any], float, float]


def decode_dicom(data: bytes, name: str, recipe: PixelRecipe) -> NDArray[np.float32]:
    """Decode the bytes of a single-frame DICOM file to float32 ``[1, H, W]``, by the rules of this module.

    Args:
        data: The whole file.
        name: Its name for errors.
        recipe: The look-up tables to apply.

    Raises:
        ImageError: The file is damaged, has no pixels or several frames, or cannot be decoded.
        MissingDependency: pydicom or the codec of the file's transfer syntax is not installed.
    """
    import_pydicom(name)
    try:
        dataset = _parse(data, name)
        _refuse(dataset, name)
        stored = _stored_pixels(dataset, name, recipe)
        image = scale_pixels(*_grey(dataset, stored, recipe))
        padding = _padding(dataset, stored[0]) if recipe.padding == "black" else None
    except (XrvError, MemoryError, RecursionError):
        raise
    except Exception as error:  # pydicom and its codecs have no common error class for damaged bytes
        raise ImageError(
            f"{name}: damaged or invalid DICOM ({' '.join(str(error).split())}). Download or copy it again, "
            "and compare sizes or checksums with the source."
        ) from error
    if recipe.fix_monochrome and dataset.PhotometricInterpretation == "MONOCHROME1":
        np.negative(image, out=image)
    if padding is not None:
        image[padding] = -1024
    return image[np.newaxis]


def _parse(data: bytes, name: str) -> Any:
    """The dataset; a transfer syntax is filled in if the file header is missing."""
    import pydicom

    dataset = read_dataset(BytesIO(data), force=data[128:132] != b"DICM")
    if not len(dataset):
        raise ImageError(f"{name}: not a DICOM file, or too damaged to be recognised.")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        plain = pydicom.uid.ExplicitVRLittleEndian if little else pydicom.uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian if implicit else plain
    return dataset


def _refuse(dataset: Any, name: str) -> None:
    """Raise unless the file holds a single-frame integer image."""
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ImageError(f"{name}: floating-point pixels have no fixed range to scale from.")
    if "PixelData" not in dataset:
        raise ImageError(f"{name}: DICOM without pixel data: a report, or a file that is cut short. Leave it out.")
    if lacking := [key for key in _NEEDED if dataset.get(key) is None]:
        raise ImageError(f"{name}: DICOM without {', '.join(lacking)}, which are needed to read the pixels.")
    kind = dataset.PhotometricInterpretation
    if kind not in (*_MONOCHROME, *_COLOUR, "PALETTE COLOR"):
        raise ImageError(f"{name}: PhotometricInterpretation {kind!r} cannot be read.")
    within("frames", int(dataset.get("NumberOfFrames") or 1))
    within("pixels", dataset.Rows * dataset.Columns)  # before any codec takes memory for them


def _grey(dataset: Any, stored: _Pixels, recipe: PixelRecipe) -> _Pixels:
    """Grey values before MONOCHROME1 is inverted."""
    values, low, high = stored
    kind = dataset.PhotometricInterpretation
    if kind in _MONOCHROME:
        return _looked_up(dataset, (values, low, high), recipe)
    if kind == "PALETTE COLOR":
        return _palette(dataset, values)
    return luminance(values), low, high


def _padding(dataset: Any, values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where grey pixels are padding (PS3.3 C.7.5.1.1.2); some writers declare its value with the wrong sign."""
    if dataset.get("PixelPaddingValue") is None or values.ndim != 2:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = [int(dataset.PixelPaddingValue), int(dataset.PixelPaddingValue if limit is None else limit)]
    wrap = 2**dataset.BitsAllocated
    half = wrap // 2 if dataset.get("PixelRepresentation") else 0
    low, high = sorted((end + half) % wrap - half for end in ends)
    inside: NDArray[np.bool_] = (values >= low) & (values <= high)
    return inside


def _stored_pixels(dataset: Any, name: str, recipe: PixelRecipe) -> _Pixels:
    """The stored values, ``[H, W]`` or ``[H, W, 3]`` in RGB, and their possible range."""
    stored, signed = int(dataset.BitsStored), bool(dataset.get("PixelRepresentation"))
    low, high = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if signed else (0, 2**stored - 1)
    syntax = dataset.file_meta.TransferSyntaxUID
    values = _decoded(dataset, name, recipe.frame)
    width = 8 * values.dtype.itemsize
    top = int(dataset.get("HighBit", stored - 1))
    if not stored - 1 <= top < width:
        raise ValueError(f"HighBit {top} is impossible for BitsStored {stored}")
    if not syntax.is_encapsulated or syntax == _RLE:
        _check_unused_bits(values, dataset, top, name)
        values <<= width - 1 - top
        values >>= width - stored
        return values, low, high
    if overlays := _overlay_bits(dataset):
        values &= ~np.array(overlays).astype(values.dtype)
    if values.min() >= 0 and high < values.max() < 2**stored:  # two's complement that lost its sign in a codec
        values <<= width - stored
        values >>= width - stored
    if values.min() < low or values.max() > high:
        raise ImageError(
            f"{name}: BitsStored {stored} allows {low}..{high}, but the pixels hold {values.min()}..{values.max()}; "
            f"header and pixels disagree. {EXPORT}"
        )
    return values, low, high


def _check_unused_bits(values: NDArray[Any], dataset: Any, top: int, name: str) -> None:
    """Raise if bits outside BitsStored differ between pixels, unless they are an overlay or repeat the sign."""
    stored = int(dataset.BitsStored)
    raw = values.view(f"{values.dtype.byteorder}u{values.dtype.itemsize}")
    used = (2**stored - 1) << (top + 1 - stored)
    above = (2 ** (8 * raw.itemsize) - 1) & ~(2 ** (top + 1) - 1)
    unused = ((2 ** (8 * raw.itemsize) - 1) & ~used) & ~_overlay_bits(dataset)
    if unused == 0 or _constant(raw, unused):
        return
    shift = 8 * raw.itemsize - 1 - top
    if dataset.get("PixelRepresentation") and np.array_equal(values, (values << shift) >> shift):
        unused &= ~above
    if unused and not _constant(raw, unused):
        varying = int(np.bitwise_or.reduce(raw ^ raw.flat[0], axis=None)) & unused
        raise ImageError(
            f"{name}: BitsStored {stored} and HighBit {top} leave bit {varying.bit_length() - 1} unused, but it varies "
            f"between pixels, and no overlay declares it; header and pixels disagree. {EXPORT}"
        )


def _constant(raw: NDArray[Any], bits: int) -> bool:
    masked = raw & raw.dtype.type(bits)
    return bool((masked == masked.flat[0]).all())


def _overlay_bits(dataset: Any) -> int:
    """The bits of a pixel that hold overlays (PS3.3 C.9.2, retired), as the groups 6000 to 601E declare them."""
    groups = [g for g in range(0x6000, 0x6020, 2) if (g, 0x0102) in dataset and (g, 0x3000) not in dataset]
    return sum({1 << int(dataset[g, 0x0102].value or 0) for g in groups if (dataset[g, 0x0102].value or 0)})


def _decoded(dataset: Any, name: str, frame: int | None) -> NDArray[Any]:
    """One frame as the decoder of its transfer syntax gives it; YBR is converted to RGB."""
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    index = chosen_frame(frame, int(dataset.get("NumberOfFrames") or 1), name)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise ImageError(f"{name}: transfer syntax {syntax.name} ({syntax}) cannot be read.") from None
    plugin = _DECODER.get(syntax, "")
    if plugin == "pillow" and dataset.Rows * dataset.Columns > _pillow_limit():
        plugin = ""
    options = {"decoding_plugin": plugin} if plugin in decoder.available_plugins else {}
    if syntax.is_encapsulated:
        by_gdcm = "gdcm" in (options.values() or decoder.available_plugins)  # pydicom tries one after the other
        stream = _frame(dataset, index)
        if syntax == _RLE:
            stream, bits = checked_rle(stream, dataset, name), 0
        else:
            stream, bits = checked_stream(stream, dataset, name, strict=by_gdcm)
        if syntax == _JPEG_EXTENDED and dataset.BitsStored > 8:
            return _jpeg_extended(stream, dataset, name)
        if by_gdcm and bits > dataset.BitsStored:  # gdcm would remove the bits that disagree
            dataset = copy(dataset)
            dataset.BitsStored, dataset.HighBit = bits, bits - 1
        index = _replace_frames(dataset, stream)
    else:
        _check_length(dataset, name)
    if not decoder.is_available:
        raise MissingDependency(
            f'{name}: {syntax.name} ({syntax}) needs a codec: pip install "xrv-core[dicom]"{unavailable()}'
        )
    values: NDArray[Any] = decoder.as_array(dataset, index=index, correct_unused_bits=False, **options)[0]
    return values


def _pillow_limit() -> float:
    """Pillow's own limit of pixels, above which it warns or fails; the user may have changed it."""
    from PIL import Image

    return math.inf if Image.MAX_IMAGE_PIXELS is None else Image.MAX_IMAGE_PIXELS


def _frame(dataset: Any, index: int) -> bytes:
    """The compressed stream of one frame, which may be in several fragments."""
    from pydicom.encaps import generate_fragments, get_frame, parse_basic_offsets

    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames == 1:  # whatever the offset table says: some list the fragments
        buffer = BytesIO(dataset.PixelData)
        parse_basic_offsets(buffer)
        return b"".join(generate_fragments(buffer))
    table = dataset.get("ExtendedOffsetTable")
    extended = None if table is None else (table, dataset.ExtendedOffsetTableLengths)
    return bytes(get_frame(dataset.PixelData, index, number_of_frames=frames, extended_offsets=extended))


def _replace_frames(dataset: Any, stream: bytes) -> int:
    """Let the dataset, which is in memory only, hold one frame; returns its index."""
    from pydicom.encaps import encapsulate

    for key in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if key in dataset:
            delattr(dataset, key)
    dataset.NumberOfFrames, dataset.PixelData = 1, encapsulate([stream])
    dataset["PixelData"].is_undefined_length = True
    return 0


def _check_length(dataset: Any, name: str) -> None:
    """Raise if uncompressed pixels are more than the header says, and the rest is not padding."""
    wanted = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * int(dataset.get("NumberOfFrames") or 1)
    wanted = -(-wanted * dataset.BitsAllocated // 8)
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        wanted = wanted // 3 * 2
    rest = dataset.PixelData[wanted:]
    if rest.strip(rest[:1]):
        raise ImageError(
            f"{name}: the header says {dataset.Rows, dataset.Columns}, which are {wanted} bytes, but the file has "
            f"{len(dataset.PixelData)} bytes of pixels; header and pixels disagree. {EXPORT}"
        )


def _jpeg_extended(stream: bytes, dataset: Any, name: str) -> NDArray[Any]:
    """Decode 12-bit JPEG extended, which no codec of the ``dicom`` extra supports."""
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        from imagecodecs import jpeg8_decode
    except Exception as error:  # also a folder of that name beside the script
        raise ImageError(
            f"{name}: {syntax.name} ({syntax}) with 12 bits needs imagecodecs: pip install "
            f'"xrv-core[dicom-fast]"{why_not_imported(error, "imagecodecs")}'
        ) from None
    values: NDArray[Any] = jpeg8_decode(stream)
    return values.view(np.int16) if dataset.get("PixelRepresentation") else values


def _looked_up(dataset: Any, pixels: _Pixels, recipe: PixelRecipe) -> _Pixels:
    """Apply the modality LUT and VOI LUT that the recipe asks for."""
    little = dataset.original_encoding[1]
    if recipe.modality_lut or recipe.voi_lut:
        if dataset.get("ModalityLUTSequence"):
            item = dataset.ModalityLUTSequence[0]
            pixels = _lut(pixels[0], item.LUTDescriptor, item.LUTData, little)
        elif dataset.get("RescaleSlope") is not None:
            pixels = _rescaled(pixels, _first(dataset.RescaleSlope), _first(dataset.get("RescaleIntercept") or 0))
    if recipe.voi_lut:
        if dataset.get("VOILUTSequence"):
            item = dataset.VOILUTSequence[0]
            pixels = _lut(pixels[0], item.LUTDescriptor, item.LUTData, little)
        elif None not in (dataset.get("WindowCenter"), dataset.get("WindowWidth")):
            window = _first(dataset.WindowCenter), _first(dataset.WindowWidth)
            pixels = _windowed(pixels[0], *window, dataset.get("VOILUTFunction") or "LINEAR")
    return pixels


def _first(value: Any) -> float:
    """The first number of an element, which must be finite."""
    number = float(value[0] if hasattr(value, "__len__") else value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no number for a look-up table")
    return number


def _rescaled(pixels: _Pixels, slope: float, intercept: float) -> _Pixels:
    """``slope * x + intercept`` for the values and their possible range."""
    if slope == 0:
        raise ValueError("RescaleSlope is 0")
    values, low, high = pixels
    low, high = sorted((low * slope + intercept, high * slope + intercept))
    return values * slope + intercept, low, high


def _lut(values: NDArray[Any], descriptor: Any, data: Any, little: bool) -> _Pixels:
    """Apply one look-up table (PS3.3 C.11.1.1)."""
    entries, first, bits = (int(v) for v in descriptor)
    entries = entries or 2**16
    if isinstance(data, bytes):
        wide = ("<" if little else ">") + "u2" if len(data) >= 2 * entries else "u1"
        table = np.frombuffer(data, dtype=wide, count=entries)
    else:
        table = np.asarray(data)[:entries]
    if len(table) < entries or table.max() >= 2**bits:
        raise ValueError(f"a look-up table has {len(table)} entries up to {table.max()}, but declares {descriptor}")
    index = np.rint(values).astype(np.int64) - first
    return table[np.clip(index, 0, entries - 1)], 0, 2**bits - 1


def _windowed(values: NDArray[Any], centre: float, width: float, function: str) -> _Pixels:
    """Apply a window; the result is 0..1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    if width < 1 if function == "LINEAR" else width <= 0:
        raise ValueError(f"WindowWidth {width:g} is invalid for the VOI LUT function {function}")
    x = values.astype(np.float64)
    if function == "SIGMOID":
        return 0.5 + 0.5 * np.tanh(2 * (x - centre) / width), 0, 1  # = 1 / (1 + exp(-4 (x - c) / w)), without overflow
    if function not in ("LINEAR", "LINEAR_EXACT"):
        raise ValueError(f"unknown VOI LUT function {function}")
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return x > centre, 0, 1
    return np.clip((x - centre) / width + 0.5, 0, 1), 0, 1


def _palette(dataset: Any, values: NDArray[Any]) -> _Pixels:
    """Luminance of palette colours, and the range of the palette's entries."""
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        raise ValueError("segmented palettes are not supported")
    little = dataset.original_encoding[1]
    channels = [
        _lut(
            values,
            dataset[f"{c}PaletteColorLookupTableDescriptor"].value,
            dataset[f"{c}PaletteColorLookupTableData"].value,
            little,
        )
        for c in ("Red", "Green", "Blue")
    ]
    return luminance(np.stack([c[0] for c in channels], axis=-1)), 0, channels[0][2]
