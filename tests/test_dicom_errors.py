"""DICOM files that hold no picture, are damaged, or need a library that is not there."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    MPEG2MPML,
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.dicom_files import ENCODERS, dicom_file, picture
from xrv_core.datasets import decode_image
from xrv_core.errors import ImageError, MissingDependency

AGAIN = "Download or copy it again, and compare sizes or checksums with the source."
VALUES = picture(4095).astype("u2")


def error_text(data: bytes) -> str:
    with pytest.raises(ImageError) as error:
        decode_image(data, "a.dcm")
    return str(error.value)


def without(*tags: str) -> Callable[[Dataset], None]:
    return lambda ds: [delattr(ds, tag) for tag in tags] and None


def with_(**tags: Any) -> Callable[[Dataset], None]:
    return lambda ds: [setattr(ds, name, value) for name, value in tags.items()] and None


def floating(ds: Dataset) -> None:
    del ds.PixelData
    ds.FloatPixelData = np.zeros(VALUES.shape, np.float32).tobytes()


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (without("PixelData"), "DICOM without pixel data"),
        (without("BitsStored", "PhotometricInterpretation"), "DICOM without BitsStored, PhotometricInterpretation,"),
        (with_(NumberOfFrames=2), "has 2 frames"),
        (with_(PhotometricInterpretation="HSV"), "PhotometricInterpretation 'HSV'"),
        (floating, "floating-point pixels"),
        (with_(HighBit=3), "damaged or invalid DICOM (HighBit 3 is impossible for BitsStored 12)"),
    ],
)
def test_files_without_a_single_integer_image(edit: Callable[[Dataset], None], text: str) -> None:
    assert error_text(dicom_file(VALUES, stored=12, edit=edit)).startswith(f"a.dcm: {text}")


def test_a_file_that_only_claims_to_be_dicom() -> None:
    assert error_text(b"<html>404 Not Found</html>").startswith("a.dcm: ")
    assert error_text(bytes(128) + b"DICM").startswith("a.dcm: not a DICOM file")


def test_a_transfer_syntax_nobody_decodes() -> None:
    data = dicom_file(
        VALUES, JPEG2000Lossless, stored=12, edit=lambda ds: setattr(ds.file_meta, "TransferSyntaxUID", MPEG2MPML)
    )
    assert re.search(
        says("a.dcm", "MPEG2 Main Profile / Main Level (1.2.840.10008.1.2.4.100)", "cannot be read"), error_text(data)
    )


SYNTAXES = [ExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[s.name for s in SYNTAXES])
@given(share=st.floats(0.01, 0.97))
@settings(max_examples=12, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_a_truncated_file_is_never_an_image(syntax: UID, share: float) -> None:
    values = picture(255, shape=(200, 180)).astype("u1")
    data = dicom_file(values, syntax)
    with pytest.raises(ImageError, match=r"^a.dcm: "):
        decode_image(data[: int(share * len(data))], "a.dcm")


COMPRESSED = [*ENCODERS, RLELossless]


@pytest.mark.parametrize("syntax", COMPRESSED, ids=[s.name for s in COMPRESSED])
@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.filterwarnings("ignore")
def test_a_truncated_stream_in_a_whole_file_is_never_an_image(syntax: UID, share: float) -> None:
    bits = 8 if syntax == JPEGBaseline8Bit else 12

    def cut(ds: Dataset) -> None:
        stream = get_frame(ds.PixelData, 0, number_of_frames=1)
        ds.PixelData = encapsulate([stream[: int(len(stream) * share)]])
        ds["PixelData"].is_undefined_length = True

    values = picture(2**bits - 1, shape=(200, 180)).astype("u1" if bits == 8 else "u2")
    assert error_text(dicom_file(values, syntax, stored=bits, edit=cut)).startswith("a.dcm: ")


def test_truncated_text() -> None:
    text = error_text(dicom_file(VALUES, stored=12)[:-500])
    assert text.startswith("a.dcm: damaged or invalid DICOM (The number of bytes of pixel data is less than expected")
    assert text.endswith(f"). {AGAIN}")


def test_without_pydicom(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dicom_file(VALUES, stored=12)
    monkeypatch.setitem(sys.modules, "pydicom.pixels", None)
    with pytest.raises(MissingDependency, match=says("a.dcm", "pydicom", 'pip install "xrv-core[dicom]"')):
        decode_image(data, "a.dcm")


def test_without_the_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.pixels import get_decoder

    data = dicom_file(VALUES, JPEGLSLossless, stored=12)
    monkeypatch.setattr(get_decoder(JPEGLSLossless), "_available", {})
    with pytest.raises(
        MissingDependency,
        match=says(
            "a.dcm",
            "JPEG-LS Lossless Image Compression (1.2.840.10008.1.2.4.80)",
            "codec",
            'pip install "xrv-core[dicom]"',
        ),
    ):
        decode_image(data, "a.dcm")


def test_jpeg_extended_without_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dicom_file(VALUES, JPEGExtended12Bit, stored=12)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert re.search(
        says(
            "a.dcm",
            "JPEG Extended (Process 2 and 4) (1.2.840.10008.1.2.4.51)",
            "12 bits",
            'pip install "xrv-core[dicom-fast]"',
        ),
        error_text(data),
    )


def test_jpeg_extended_cut_short() -> None:
    def cut(ds: Dataset) -> None:
        ds.PixelData = encapsulate([get_frame(ds.PixelData, 0, number_of_frames=1)[:-20]])
        ds["PixelData"].is_undefined_length = True

    data = dicom_file(VALUES, JPEGExtended12Bit, stored=12, edit=cut)
    assert re.search(says("a.dcm", "JPEG stream", "cut short"), error_text(data))


def test_jpeg_extended_of_another_shape() -> None:
    data = dicom_file(VALUES, JPEGExtended12Bit, stored=12, edit=with_(Rows=41))
    assert re.search(says("a.dcm", "(40, 48)", "header", "(41, 48)"), error_text(data))


def test_warnings_filters_are_left_alone() -> None:
    before = list(warnings.filters)
    decode_image(dicom_file(VALUES, stored=12), "a.dcm")
    assert warnings.filters == before
