"""Modality and VOI look-up: what happens to values and to the range that they could have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from tests.dicom_files import dicom_file, picture
from xrv_core.datasets import PixelRecipe, decode_image
from xrv_core.errors import ImageError

MODALITY = PixelRecipe(modality_lut=True)
VOI = PixelRecipe(voi_lut=True)
VALUES = picture(4095).astype("u2")


def edited(**tags: Any) -> Callable[[Dataset], None]:
    return lambda ds: [setattr(ds, name, value) for name, value in tags.items()] and None


def table(name: str, entries: np.ndarray, first: int, bits: int, *, packed: bool = False) -> Callable[[Dataset], None]:
    """Add a LUT sequence; ``packed`` writes its data as OW instead of US."""

    def edit(ds: Dataset) -> None:
        item = Dataset()
        item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries), first, bits])
        order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
        data = entries.astype(f"{order}u2").tobytes() if packed else entries.tolist()
        item.add_new("LUTData", "OW" if packed else "US", data)
        setattr(ds, name, [item])

    return edit


def decoded(
    edit: Callable[[Dataset], None], recipe: PixelRecipe, values: np.ndarray = VALUES, **more: Any
) -> np.ndarray:
    return decode_image(dicom_file(values, stored=more.pop("stored", 12), edit=edit, **more), "x", recipe)


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return ((values.astype(np.float64) - low) / (high - low) * 2048 - 1024)[None]


PLAIN = scaled(VALUES, 0, 4095)


def test_recipe_is_plain_data_and_frozen() -> None:
    assert PixelRecipe() == PixelRecipe(modality_lut=False, voi_lut=False)
    assert repr(VOI) == "PixelRecipe(modality_lut=False, voi_lut=True, fix_monochrome=True, padding='keep', frame=None)"
    with pytest.raises(AttributeError):
        VOI.voi_lut = False  # type: ignore[misc]


def test_look_up_tables_are_ignored_unless_asked_for() -> None:
    edit = edited(RescaleSlope=-2, RescaleIntercept=5, WindowCenter=1000, WindowWidth=200)
    np.testing.assert_allclose(decoded(edit, PixelRecipe()), PLAIN, atol=3e-4)


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.25, -1024), (3, 77.5)])
def test_a_positive_slope_carries_its_range_along(slope: float, intercept: float) -> None:
    edit = edited(RescaleSlope=slope, RescaleIntercept=intercept)
    np.testing.assert_allclose(decoded(edit, MODALITY), PLAIN, atol=1e-3)


def test_a_negative_slope_inverts() -> None:
    edit = edited(RescaleSlope=-0.5, RescaleIntercept=2047)
    np.testing.assert_allclose(decoded(edit, MODALITY), -PLAIN, atol=1e-3)


def test_monochrome1_is_inverted_after_the_slope() -> None:
    edit = edited(RescaleSlope=-1, RescaleIntercept=0)
    np.testing.assert_allclose(decoded(edit, MODALITY, kind="MONOCHROME1"), PLAIN, atol=1e-3)
    as_stored = PixelRecipe(modality_lut=True, fix_monochrome=False)
    np.testing.assert_allclose(decoded(edit, as_stored, kind="MONOCHROME1"), -PLAIN, atol=1e-3)


def test_a_slope_without_intercept_and_an_empty_one() -> None:
    np.testing.assert_allclose(decoded(edited(RescaleSlope=-1), MODALITY), -PLAIN, atol=1e-3)
    np.testing.assert_allclose(decoded(edited(RescaleSlope=None), MODALITY), PLAIN, atol=1e-3)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("kind", "recipe"), [("ModalityLUTSequence", MODALITY), ("VOILUTSequence", VOI)])
def test_a_table_has_the_range_of_its_entries(kind: str, recipe: PixelRecipe, packed: bool, syntax: Any) -> None:
    entries = np.random.default_rng(1).integers(0, 1024, 3000)
    edit = table(kind, entries, first=500, bits=10, packed=packed)
    wanted = entries[np.clip(VALUES.astype(int) - 500, 0, 2999)]
    np.testing.assert_allclose(decoded(edit, recipe, syntax=syntax), scaled(wanted, 0, 1023), atol=3e-4)


def test_a_table_may_begin_below_zero() -> None:
    values = picture(2047, -2048).astype("i2")
    entries = np.arange(4096)[::-1].copy()
    edit = table("ModalityLUTSequence", entries, first=-2048, bits=12)
    np.testing.assert_allclose(decoded(edit, MODALITY, values), scaled(-1 - values, -2048, 2047), atol=3e-4)


WINDOWS = {
    "linear": {"WindowCenter": 1500, "WindowWidth": 901},
    "exact": {"WindowCenter": 1500, "WindowWidth": 900.5, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": 1500, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
    "first of two": {"WindowCenter": [1500, 3000], "WindowWidth": [901, 10]},
    "rescaled": {"WindowCenter": -200, "WindowWidth": 300, "RescaleSlope": 0.5, "RescaleIntercept": -1024},
    "inverted": {"WindowCenter": -1500, "WindowWidth": 700, "RescaleSlope": -1, "RescaleIntercept": 0},
}


@pytest.mark.parametrize("tags", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("signed", [False, True])
def test_windows_agree_with_pydicom(tags: dict[str, Any], signed: bool) -> None:
    values = (VALUES.astype("i2") - 2048) if signed else VALUES
    data = dicom_file(values, stored=12, edit=edited(**tags))
    ds = dcmread(DicomBytesIO(data))
    theirs = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
    low, high = (-2048, 2047) if signed else (0, 4095)
    ends = [end * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0)) for end in (low, high)]
    # pydicom's output range runs backwards for a negative slope; brightness must follow the window instead
    wanted = scaled(theirs, *ends)
    np.testing.assert_allclose(decode_image(data, "x", VOI), wanted, atol=1e-3)


def test_a_window_as_narrow_as_one_is_a_threshold() -> None:
    image = decoded(edited(WindowCenter=2000, WindowWidth=1), VOI)
    np.testing.assert_array_equal(image, np.where(VALUES > 1999.5, 1024, -1024)[None])


def test_a_narrow_sigmoid_window_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        image = decoded(edited(WindowCenter=1999.5, WindowWidth=0.01, VOILUTFunction="SIGMOID"), VOI)
    np.testing.assert_array_equal(image, np.where(VALUES > 1999.5, 1024, -1024)[None])


def test_a_table_goes_before_windows() -> None:
    def edit(ds: Dataset) -> None:
        table("VOILUTSequence", np.arange(4096)[::-1].copy(), first=0, bits=12)(ds)
        edited(WindowCenter=100, WindowWidth=10)(ds)

    np.testing.assert_allclose(decoded(edit, VOI), -PLAIN, atol=1e-3)


def test_voi_without_any_leaves_the_image() -> None:
    np.testing.assert_allclose(decoded(edited(), VOI), PLAIN, atol=3e-4)
    np.testing.assert_allclose(decoded(edited(WindowCenter=None, WindowWidth=None), VOI), PLAIN, atol=3e-4)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (edited(RescaleSlope=0, RescaleIntercept=1), "RescaleSlope is 0"),
        (
            edited(WindowCenter=5, WindowWidth=0.5),
            "WindowWidth 0.5 is invalid for the VOI LUT function LINEAR",
        ),
        (
            edited(WindowCenter=5, WindowWidth=9, VOILUTFunction="CUBIC"),
            "unknown VOI LUT function CUBIC",
        ),
        (
            table("VOILUTSequence", np.array([0, 300]), first=0, bits=8),
            "a look-up table has 2 entries up to 300, but declares [2, 0, 8]",
        ),
    ],
)
def test_impossible_look_ups(edit: Callable[[Dataset], None], why: str) -> None:
    with pytest.raises(ImageError) as error:
        decoded(edit, VOI)
    assert str(error.value).startswith(f"x: damaged or invalid DICOM ({why}). Download or copy it again")
