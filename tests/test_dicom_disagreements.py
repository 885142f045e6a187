"""DICOM files whose header and pixels disagree, and files with padding that are whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from messages import says
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, get_frame
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from tests.dicom_files import ENCODERS, NATIVE, dicom_file, picture
from xrv_core.datasets import PixelRecipe, decode_image, load_image
from xrv_core.errors import ArgumentError, ImageError

COMPRESSED = [*ENCODERS, RLELossless]


def ids(syntaxes: list[UID]) -> list[str]:
    return [syntax.name for syntax in syntaxes]


def compressed(syntax: UID, edit: Callable[[Dataset], None] | None = None, **options: int) -> bytes:
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    values = picture(2**bits - 1, **options).astype("u1" if bits == 8 else "u2")
    return dicom_file(values, syntax, stored=bits, edit=edit)


def frames(*streams: bytes, number: int = 1, offsets: bool = True) -> Callable[[Dataset], None]:
    def edit(ds: Dataset) -> None:
        ds.PixelData = encapsulate(list(streams), has_bot=offsets)
        ds["PixelData"].is_undefined_length = True
        ds.NumberOfFrames = number

    return edit


def stream_of(data: bytes) -> bytes:
    from io import BytesIO

    from pydicom import dcmread

    return get_frame(dcmread(BytesIO(data)).PixelData, 0, number_of_frames=1).rstrip(b"\0")


def grey(data: bytes, recipe: PixelRecipe | None = None) -> np.ndarray:
    return decode_image(data, "a.dcm", recipe or PixelRecipe())


# -- the size


@pytest.mark.parametrize("syntax", list(ENCODERS), ids=ids(list(ENCODERS)))
@pytest.mark.parametrize("size", [(48, 40), (20, 96), (41, 48), (40, 47), (39, 48)])
def test_a_stream_of_another_size_is_refused(syntax: UID, size: tuple[int, int]) -> None:
    def swap(ds: Dataset) -> None:
        ds.Rows, ds.Columns = size

    with pytest.raises(ImageError, match=says("a.dcm", "(40, 48)", str(size), "disagree", "correct the header")):
        grey(compressed(syntax, swap))


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless], ids=ids([*NATIVE, RLELossless]))
@pytest.mark.parametrize("size", [(40, 47), (41, 48), (20, 48)])
def test_pixels_of_another_size_are_refused(syntax: UID, size: tuple[int, int]) -> None:
    def change(ds: Dataset) -> None:
        ds.Rows, ds.Columns = size

    with pytest.raises(ImageError, match=r"^a.dcm: "):
        grey(dicom_file(picture(4095).astype("u2"), syntax, stored=12, edit=change))


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless], ids=["JPEG", "JPEG 2000"])
def test_samples_and_depth_are_compared(syntax: UID) -> None:
    def colour(ds: Dataset) -> None:
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0

    with pytest.raises(ImageError, match=says("(40, 48, 1)", "(40, 48, 3)", "disagree")):
        grey(compressed(syntax, colour))

    def deep(ds: Dataset) -> None:
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15

    with pytest.raises(ImageError, match=says("8 bits", "16 of 16", "disagree")):
        grey(dicom_file(picture(255).astype("u1"), syntax, edit=deep))


# -- padding after the stream, and data that is missing


@pytest.mark.parametrize("syntax", COMPRESSED, ids=ids(COMPRESSED))
@pytest.mark.parametrize("pad", [b"\0", b"\xff", b"\x20", b"\0\0\0", b"\xff\xff\xff", b"\xff\0"])
def test_padding_after_the_end_is_no_damage(syntax: UID, pad: bytes) -> None:
    whole = compressed(syntax)
    padded = compressed(syntax, frames(stream_of(whole) + pad))
    assert np.array_equal(grey(padded), grey(whole))


@pytest.mark.parametrize("syntax", list(ENCODERS), ids=ids(list(ENCODERS)))
@pytest.mark.parametrize("pad", [b"", b"\xff", b"\x20"])
def test_missing_data_is_refused_wherever_it_ends(syntax: UID, pad: bytes) -> None:
    stream = stream_of(compressed(syntax, shape=(64, 72)))
    for length in [*range(1, len(stream) - 2, max(1, len(stream) // 40)), len(stream) - 3]:
        with pytest.raises(ImageError, match=r"^a.dcm: "):
            grey(compressed(syntax, frames(stream[:length] + pad), shape=(64, 72)))


@pytest.mark.parametrize("syntax", list(ENCODERS), ids=ids(list(ENCODERS)))
@pytest.mark.parametrize("offsets", [True, False])
def test_a_frame_in_fragments_is_whole(syntax: UID, offsets: bool) -> None:
    whole = compressed(syntax)
    stream = stream_of(whole)
    middle = len(stream) // 4 * 2
    data = compressed(syntax, frames(stream[:middle], stream[middle:], offsets=offsets))  # the table lists fragments
    assert np.array_equal(grey(data), grey(whole))


# -- several frames


@pytest.mark.parametrize("syntax", COMPRESSED, ids=ids(COMPRESSED))
@pytest.mark.parametrize("table", ["basic", "none", "extended"])
def test_frame_chooses_one_of_several(syntax: UID, table: str) -> None:
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    pictures = [picture(top).astype("u1" if bits == 8 else "u2") for top in (2**bits - 1, 200)]
    whole = [dicom_file(values, syntax, stored=bits) for values in pictures]
    streams = [stream_of(data) for data in whole]

    def edit(ds: Dataset) -> None:
        frames(*streams, number=2, offsets=table == "basic")(ds)
        if table == "extended":
            ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(streams)

    both = dicom_file(pictures[0], syntax, stored=bits, edit=edit)
    with pytest.raises(ImageError, match=says("a.dcm", "2 frames", "frame=0 to 1")):
        grey(both)
    for k in (0, 1):
        assert np.array_equal(grey(both, PixelRecipe(frame=k)), grey(whole[k]))
    with pytest.raises(ImageError, match=says("a.dcm", "no frame 2", "0 to 1")):
        grey(both, PixelRecipe(frame=2))


def test_frame_of_uncompressed_pixels(tmp_path) -> None:
    pictures = np.stack([picture(top).astype("u2") for top in (4095, 900, 300)])

    def three(ds: Dataset) -> None:
        ds.NumberOfFrames, ds.PixelData = 3, pictures.tobytes()

    path = tmp_path / "a.dcm"
    path.write_bytes(dicom_file(pictures[0], stored=12, edit=three))
    for k in (0, 1, 2):
        assert np.array_equal(load_image(path, frame=k), grey(dicom_file(pictures[k], stored=12)))
    with pytest.raises(ArgumentError, match="frame=-1"):
        load_image(path, frame=-1)


# -- bits outside BitsStored


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless, JPEG2000Lossless], ids=lambda s: s.name)
@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_values_above_bits_stored_are_refused(syntax: UID, dtype: str) -> None:
    def ten(ds: Dataset) -> None:
        ds.BitsStored, ds.HighBit = 10, 9

    with pytest.raises(ImageError, match=says("a.dcm", "BitsStored 10", "header and pixels disagree")):
        grey(dicom_file(picture(4095).astype(dtype), syntax, stored=12, edit=ten))


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless, JPEGLosslessSV1, JPEG2000Lossless], ids=lambda s: s.name)
def test_a_declared_overlay_may_vary(syntax: UID) -> None:
    values = picture(4095)
    drawn = (np.indices(values.shape).sum(axis=0) % 2) << 14
    cells = (values | drawn).astype("u2")

    def declare(ds: Dataset) -> None:
        ds.BitsStored, ds.HighBit = 12, 11
        ds.add_new((0x6002, 0x0100), "US", 16)
        ds.add_new((0x6002, 0x0102), "US", 14)

    def undeclared(ds: Dataset) -> None:
        ds.BitsStored, ds.HighBit = 12, 11

    assert np.array_equal(
        grey(dicom_file(cells, syntax, stored=16, edit=declare)), grey(dicom_file(values.astype("u2"), stored=12))
    )
    with pytest.raises(ImageError, match=says("BitsStored 12", "disagree")):
        grey(dicom_file(cells, syntax, stored=16, edit=undeclared))


@pytest.mark.parametrize(("shift", "high"), [(0, 11), (3, 14), (4, 15)])
def test_signs_and_constant_bits_may_be_outside(shift: int, high: int) -> None:
    values = picture(2047, -2048)
    wanted = grey(dicom_file(values.astype("i2"), stored=12))
    low = (1 << shift) - 1
    for cells in (values << shift, (values << shift) | low, ((values << shift) & (2 ** (high + 1) - 1)) | low):
        data = dicom_file(cells.astype("i2"), stored=12, edit=lambda ds: setattr(ds, "HighBit", high))
        assert np.array_equal(grey(data), wanted)


def test_bits_below_the_stored_ones_do_not_vary() -> None:
    cells = picture(65535).astype("u2")
    with pytest.raises(ImageError, match=says("HighBit 15", "disagree")):
        grey(dicom_file(cells, stored=12, edit=lambda ds: setattr(ds, "HighBit", 15)))


# -- pixel padding


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("dtype", "padding", "limit"), [("u2", 0, None), ("u2", 0, 9), ("u2", 4095, 4000), ("i2", -2048, None)]
)
def test_padding_is_kept_or_black(syntax: UID, kind: str, dtype: str, padding: int, limit: int | None) -> None:
    low, high = (0, 4095) if dtype == "u2" else (-2048, 2047)
    values = picture(high, low)
    values[:8] = padding
    values[8] = padding if limit is None else (padding + limit) // 2

    def declare(ds: Dataset) -> None:
        ds.add_new("PixelPaddingValue", "SS" if dtype == "i2" else "US", padding)
        if limit is not None:
            ds.add_new("PixelPaddingRangeLimit", "SS" if dtype == "i2" else "US", limit)

    data = dicom_file(values.astype(dtype), syntax, stored=12, kind=kind, edit=declare)
    plain = grey(dicom_file(values.astype(dtype), syntax, stored=12, kind=kind))
    assert np.array_equal(grey(data), plain)
    ends = sorted((padding, padding if limit is None else limit))
    outside = (values >= ends[0]) & (values <= ends[1])
    assert outside[:9].all()
    assert np.array_equal(grey(data, PixelRecipe(padding="black")), np.where(outside, np.float32(-1024), plain))


def test_padding_without_a_declaration_or_with_another_word() -> None:
    data = dicom_file(picture(4095).astype("u2"), stored=12)
    assert np.array_equal(grey(data, PixelRecipe(padding="black")), grey(data))
    with pytest.raises(ArgumentError, match=says("padding='white'", "'keep'", "'black'")):
        PixelRecipe(padding="white")
