"""Write DICOM files in every transfer syntax that a chest X-ray comes in."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]
LOSSLESS = [*NATIVE, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless, RLELossless]


def _lossless_jpeg(values: np.ndarray, bits: int, predictor: int) -> bytes:
    return imagecodecs.jpeg8_encode(values, lossless=True, predictor=predictor, bitspersample=bits)


def _jpeg2000(values: np.ndarray, bits: int, level: int) -> bytes:
    return imagecodecs.jpeg2k_encode(
        values, level=level, codecformat="J2K", reversible=not level, bitspersample=bits, mct=False
    )


ENCODERS: dict[UID, Callable[[np.ndarray, int], bytes]] = {
    JPEGBaseline8Bit: lambda v, bits: imagecodecs.jpeg8_encode(v, 100, subsampling="444"),
    JPEGExtended12Bit: lambda v, bits: imagecodecs.jpeg8_encode(v, 100, bitspersample=bits),
    JPEGLossless: lambda v, bits: _lossless_jpeg(v, bits, 4),
    JPEGLosslessSV1: lambda v, bits: _lossless_jpeg(v, bits, 1),
    JPEGLSLossless: lambda v, bits: imagecodecs.jpegls_encode(v),
    JPEGLSNearLossless: lambda v, bits: imagecodecs.jpegls_encode(v, level=2),
    JPEG2000Lossless: lambda v, bits: _jpeg2000(v, bits, 0),
    JPEG2000: lambda v, bits: _jpeg2000(v, bits, 80),
    HTJ2KLossless: lambda v, bits: imagecodecs.htj2k_encode(v),
}


def picture(top: int, low: int = 0, shape: tuple[int, int] = (40, 48)) -> np.ndarray:
    """Smooth, with both ends of its range, neither square nor symmetric."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.sin(y / 7) + np.cos(x / 9 + y / 31)
    wave = (wave - wave.min()) / (wave.max() - wave.min())
    return np.rint(low + wave * (top - low)).astype(np.int64)


def dicom_file(
    values: np.ndarray,
    syntax: UID = ExplicitVRLittleEndian,
    *,
    stored: int | None = None,
    kind: str = "MONOCHROME2",
    edit: Callable[[Dataset], Any] | None = None,
    preamble: bool = True,
) -> bytes:
    """The bytes of a file of ``values``, whose dtype says BitsAllocated and sign; ``edit`` changes the dataset last."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    ds = Dataset()
    ds.file_meta, ds.preamble = meta, bytes(128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality = "DX"
    ds.Rows, ds.Columns = values.shape[:2]
    ds.SamplesPerPixel = values.shape[2] if values.ndim == 3 else 1
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = kind
    ds.BitsAllocated = 8 * values.dtype.itemsize
    ds.BitsStored = stored or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(values.dtype.kind == "i")
    _set_pixels(ds, values, syntax)
    if edit:
        edit(ds)
    out = BytesIO()
    if preamble:
        ds.save_as(out, enforce_file_format=True)
    else:
        ds.file_meta = FileMetaDataset()
        ds.preamble = None
        ds.save_as(out, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return out.getvalue()


def _set_pixels(ds: Dataset, values: np.ndarray, syntax: UID) -> None:
    if syntax in ENCODERS:
        cells = values.astype(f"u{values.dtype.itemsize}") & (2**ds.BitsStored - 1)  # codecs know no sign
        ds.PixelData = encapsulate([bytes(ENCODERS[syntax](cells, ds.BitsStored))])
        ds["PixelData"].is_undefined_length = True
    elif syntax == RLELossless:
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.PixelData = values.tobytes()
        ds.compress(RLELossless, generate_instance_uid=False)
    else:
        ds.PixelData = values.astype(values.dtype.newbyteorder("<" if syntax.is_little_endian else ">")).tobytes()
    ds["PixelData"].VR = (
        "OB" if syntax.is_encapsulated or (ds.BitsAllocated == 8 and not syntax.is_implicit_VR) else "OW"
    )
