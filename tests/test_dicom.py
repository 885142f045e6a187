"""DICOM pixels: every transfer syntax, sign, bit depth and photometric interpretation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from messages import says
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    RLELossless,
)

from tests.dicom_files import LOSSLESS, NATIVE, dicom_file, picture
from xrv_core.datasets import decode_image, load_image
from xrv_core.errors import ImageError

WEIGHTS = (0.299, 0.587, 0.114)


def names(syntaxes: list[UID]) -> list[str]:
    return [syntax.name for syntax in syntaxes]


def expected(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return ((values.astype(np.float64) - low) / (high - low) * 2048 - 1024)[None]


def assert_decodes(data: bytes, wanted: np.ndarray, atol: float = 3e-4) -> None:
    image = decode_image(data, "x")
    assert image.dtype == np.float32
    assert image.flags.writeable
    assert image.shape == wanted.shape
    assert image.min() >= -1024
    assert image.max() <= 1024
    np.testing.assert_allclose(image, wanted, rtol=0, atol=atol)


# -- transfer syntaxes


@pytest.mark.parametrize("syntax", LOSSLESS, ids=names(LOSSLESS))
@pytest.mark.parametrize(("dtype", "stored"), [("u1", 8), ("u2", 12), ("u2", 16)])
def test_lossless_syntaxes_are_exact(syntax: UID, dtype: str, stored: int) -> None:
    top = 2**stored - 1
    values = picture(top)
    assert_decodes(dicom_file(values.astype(dtype), syntax, stored=stored), expected(values, 0, top))


@pytest.mark.parametrize("syntax", LOSSLESS, ids=names(LOSSLESS))
@pytest.mark.parametrize("stored", [12, 16])
def test_signed_pixels_are_exact(syntax: UID, stored: int) -> None:
    low, high = -(2 ** (stored - 1)), 2 ** (stored - 1) - 1
    values = picture(high, low)
    assert_decodes(dicom_file(values.astype("i2"), syntax, stored=stored), expected(values, low, high))


@pytest.mark.parametrize(
    ("syntax", "dtype", "stored", "steps"),
    [(JPEGBaseline8Bit, "u1", 8, 3), (JPEGExtended12Bit, "u2", 12, 12), (JPEGLSNearLossless, "u2", 12, 2.01),
     (JPEG2000, "u2", 12, 12)],
    ids=lambda v: getattr(v, "name", None),
)  # fmt: skip
def test_lossy_syntaxes_are_near(syntax: UID, dtype: str, stored: int, steps: float) -> None:
    top = 2**stored - 1
    values = picture(top - 60, 30)
    data = dicom_file(values.astype(dtype), syntax, stored=stored)
    assert_decodes(data, expected(values, 0, top), atol=steps * 2048 / top)


def test_jpeg_extended_of_8_bits_is_jpeg_baseline() -> None:
    values = picture(255).astype("u1")
    baseline = decode_image(dicom_file(values, JPEGBaseline8Bit), "x")
    assert np.array_equal(decode_image(dicom_file(values, JPEGExtended12Bit, stored=8), "x"), baseline)


# -- range


@pytest.mark.parametrize("stored", [1, 8, 10, 13, 15, 16])
def test_the_range_is_what_bits_stored_can_hold(stored: int) -> None:
    values = np.full((4, 4), 1, "u2")
    data = dicom_file(values, stored=stored)
    assert_decodes(data, expected(values, 0, 2**stored - 1))


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless], ids=names([*NATIVE, RLELossless]))
@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_overlay_bits_above_the_stored_bits_are_removed(syntax: UID, dtype: str) -> None:
    low, high = (0, 4095) if dtype == "u2" else (-2048, 2047)
    values = picture(high, low)
    cells = ((values & 0xFFF) | 0xA000).astype("u2").view(dtype)
    assert_decodes(dicom_file(cells, syntax, stored=12), expected(values, low, high))


@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_high_bit_may_leave_unused_bits_below(dtype: str) -> None:
    low, high = (0, 4095) if dtype == "u2" else (-2048, 2047)
    values = picture(high, low)
    cells = ((values << 3) | 5).astype(dtype)
    data = dicom_file(cells, stored=12, edit=lambda ds: setattr(ds, "HighBit", 14))
    assert_decodes(data, expected(values, low, high))


def test_compressed_pixels_beyond_bits_stored_are_an_error() -> None:
    def claim_ten_bits(ds: Dataset) -> None:
        ds.BitsStored, ds.HighBit = 10, 9

    data = dicom_file(picture(4095).astype("u2"), JPEG2000Lossless, stored=12, edit=claim_ten_bits)
    with pytest.raises(ImageError, match=says("a.dcm", "BitsStored 10", "0..1023", "0..4095", "disagree")):
        decode_image(data, "a.dcm")


# -- photometric interpretation


@pytest.mark.parametrize(("dtype", "stored"), [("u1", 8), ("u2", 12), ("i2", 12), ("i2", 16)])
def test_monochrome1_is_the_exact_negative(dtype: str, stored: int) -> None:
    low, high = (0, 2**stored - 1) if dtype[0] == "u" else (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1)
    values = picture(high, low).astype(dtype)
    plain, inverted = (dicom_file(values, stored=stored, kind=f"MONOCHROME{n}") for n in (2, 1))
    assert np.array_equal(decode_image(inverted, "x"), -decode_image(plain, "x"))


def colour() -> np.ndarray:
    return np.stack([picture(255), picture(200, 20)[::-1], picture(90, 5)[:, ::-1]], axis=-1).astype("u1")


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("bits", [8, 16])
def test_rgb_becomes_luminance(planar: int, bits: int) -> None:
    rgb = colour().astype(f"u{bits // 8}") * (1 if bits == 8 else 257)

    def edit(ds: Dataset) -> None:
        ds.PlanarConfiguration = planar
        if planar:
            ds.PixelData = np.moveaxis(rgb, -1, 0).tobytes()

    data = dicom_file(rgb, kind="RGB", edit=edit)
    assert_decodes(data, expected(rgb @ np.array(WEIGHTS), 0, 2**bits - 1))


def test_rgb_of_equal_channels_is_the_grey_itself() -> None:
    grey = picture(255).astype("u1")
    data = dicom_file(np.repeat(grey[..., None], 3, axis=2), kind="RGB")
    assert np.array_equal(decode_image(data, "x"), decode_image(dicom_file(grey), "x"))


def test_ybr_full_becomes_luminance() -> None:
    grey = picture(255).astype("u1")
    ybr = np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=-1)
    assert np.array_equal(decode_image(dicom_file(ybr, kind="YBR_FULL"), "x"), decode_image(dicom_file(grey), "x"))


def test_palette_colour_is_expanded() -> None:
    rng = np.random.default_rng(0)
    entries = rng.integers(0, 65536, (3, 100)).astype("u2")
    index = picture(109, 5).astype("u1")

    def edit(ds: Dataset) -> None:
        for name, channel in zip(("Red", "Green", "Blue"), entries, strict=True):
            setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [100, 5, 16])
            setattr(ds, f"{name}PaletteColorLookupTableData", channel.tobytes())

    rgb = entries.T[np.clip(index.astype(int) - 5, 0, 99)]
    data = dicom_file(index, kind="PALETTE COLOR", edit=edit)
    assert_decodes(data, expected(rgb @ np.array(WEIGHTS), 0, 65535))


# -- how a file is recognised


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("suffix", [".dcm", ".DICOM"])
def test_without_preamble_the_suffix_tells(syntax: UID, suffix: str, tmp_path: Path) -> None:
    values = picture(4095)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(dicom_file(values.astype("u2"), syntax, stored=12, preamble=False))
    np.testing.assert_allclose(load_image(path), expected(values, 0, 4095), atol=3e-4)


def test_with_preamble_the_content_tells(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(dicom_file(picture(255).astype("u1")))
    np.testing.assert_allclose(load_image(path), expected(picture(255), 0, 255), atol=3e-4)


# -- torchxrayvision


@pytest.mark.realdata
@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:Converting MONOCHROME1")
def test_real_files_equal_torchxrayvision(realdata: Path) -> None:
    theirs = pytest.importorskip("torchxrayvision").utils.load_image
    files = sorted((realdata / "dicom").glob("*.dcm"))
    assert len(files) == 4
    for path in files:
        np.testing.assert_allclose(load_image(path), theirs(str(path)), rtol=0, atol=2e-4, err_msg=path.name)


@pytest.mark.realdata
def test_the_file_tagged_monochrome1_is_the_negative_of_its_twin(realdata: Path) -> None:
    twin = next((realdata / "dicom").glob("siim_*.dcm"))
    assert np.array_equal(load_image(realdata / "dicom" / "Fake_MONOHR1.dcm"), -load_image(twin))


@pytest.mark.parity
def test_torchxrayvision_under_runs_on_signed_pixels(tmp_path: Path) -> None:
    theirs = pytest.importorskip("torchxrayvision").utils.load_image
    path = tmp_path / "x.dcm"
    path.write_bytes(dicom_file(picture(2047, -2048).astype("i2"), stored=12))
    assert theirs(str(path)).min() < -2047
    assert (load_image(path).min(), load_image(path).max()) == (-1024, 1024)


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:Converting MONOCHROME1")
def test_torchxrayvision_cannot_invert_signed_monochrome1(tmp_path: Path) -> None:
    theirs = pytest.importorskip("torchxrayvision").utils.load_image
    path = tmp_path / "x.dcm"
    path.write_bytes(dicom_file(picture(2047, -2048).astype("i2"), stored=12, kind="MONOCHROME1"))
    with pytest.raises(ValueError, match="higher than expected bound"):
        theirs(str(path))
    np.testing.assert_allclose(load_image(path), -expected(picture(2047, -2048), -2048, 2047), atol=3e-4)
