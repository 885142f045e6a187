"""DICOM headers in bulk, ages, small files for miniatures, and which extension a user's images have."""

from __future__ import annotations

import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from xrv_core.datasets import (
    ImageSource,
    PixelRecipe,
    age_in_years,
    choose_extension,
    dicom_headers,
    load_image,
    write_dicom,
)
from xrv_core.errors import ArgumentError, ImageError, ImageMissing, MissingDependency

GREY = np.arange(6 * 7, dtype=np.uint8).reshape(6, 7)
KEYWORDS = ("PatientSex", "PatientAge", "ViewPosition", "PatientID")


# -- written files


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    write_dicom(tmp_path / "new/folder/a.dcm", GREY, PatientAge="62", PatientID="7")
    np.testing.assert_allclose(load_image(tmp_path / "new/folder/a.dcm")[0], (GREY / 255.0 * 2 - 1) * 1024, atol=1e-3)
    header = dcmread(tmp_path / "new/folder/a.dcm")
    assert (header.Rows, header.Columns, header.BitsStored, header.HighBit) == (6, 7, 8, 7)
    assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID


def test_deep_inverted_pixels_with_a_window(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 20
    tags = {"BitsStored": 12, "WindowCenter": 400, "WindowWidth": 801, "PhotometricInterpretation": "MONOCHROME1"}
    write_dicom(tmp_path / "a.dicom", deep, **tags)
    np.testing.assert_allclose(load_image(tmp_path / "a.dicom")[0], -(deep / 4095.0 * 2 - 1) * 1024, atol=1e-3)
    shown = load_image(tmp_path / "a.dicom", recipe=PixelRecipe(voi_lut=True))
    assert (shown.min(), shown.max()) == (pytest.approx(-1024), pytest.approx(1024, abs=2))


def test_files_have_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_dicom(tmp_path / folder / "x.dcm", GREY)
    assert (tmp_path / "a/x.dcm").read_bytes() == (tmp_path / "b/x.dcm").read_bytes()
    write_dicom(tmp_path / "b/y.dcm", GREY)
    assert dcmread(tmp_path / "b/y.dcm").SOPInstanceUID != dcmread(tmp_path / "b/x.dcm").SOPInstanceUID


# -- headers


@pytest.mark.parametrize("archive", [False, True])
def test_headers_of_a_folder_and_of_an_archive(tmp_path: Path, archive: bool) -> None:
    write_dicom(tmp_path / "d/1.dcm", GREY, PatientSex="M", PatientAge="62", ViewPosition="PA", PatientID="x 1 ")
    write_dicom(tmp_path / "d/2.dcm", GREY, PatientSex="", PatientAge="004D")
    root = tmp_path / "d"
    if archive:
        root = tmp_path / "d.zip"
        with zipfile.ZipFile(root, "w") as packed:
            for path in sorted((tmp_path / "d").iterdir()):
                packed.write(path, path.name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an age of "62" is against the standard; public files are full of them
        table = dicom_headers(ImageSource(root), ["2.dcm", "1.dcm"], KEYWORDS)
    assert list(table.columns) == list(KEYWORDS)
    assert table.iloc[1].tolist() == ["M", "62", "PA", "x 1"]
    assert table.iloc[0].fillna("-").tolist() == ["-", "004D", "-", "-"]


@pytest.mark.realdata
def test_headers_of_real_files(realdata: Path) -> None:
    source = ImageSource(realdata / "dicom")
    names = [name for name in source.names() if name.endswith(".dcm")]
    table = dicom_headers(source, names, KEYWORDS)
    assert table["PatientSex"].tolist() == ["M", "M", "F", "M"]
    assert table["ViewPosition"].fillna("-").tolist() == ["PA", "-", "PA", "PA"]
    assert age_in_years(table["PatientAge"]).fillna(-1).tolist() == [62, 81, -1, 62]


def test_headers_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.dcm").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(
        ImageError, match=r"bad.dcm: .*DICOM header .*'DICM' prefix is missing.*without reading headers"
    ):
        dicom_headers(ImageSource(tmp_path), ["bad.dcm"], KEYWORDS)
    with pytest.raises(ImageMissing, match=f"{tmp_path}: no file 'no.dcm'"):
        dicom_headers(ImageSource(tmp_path), ["no.dcm"], KEYWORDS)


def test_headers_without_pydicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dicom(tmp_path / "a.dcm", GREY)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingDependency, match=r'pydicom: pip install "xrv-core\[dicom\]"'):
        dicom_headers(ImageSource(tmp_path), ["a.dcm"], KEYWORDS)


def test_headers_of_what_is_no_dicom(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="read_headers=True needs the DICOM files"):
        dicom_headers(None, ["a.dcm"], KEYWORDS)
    with pytest.raises(ArgumentError, match="read_headers=True needs the DICOM files"):
        dicom_headers(ImageSource(tmp_path), ["a.dcm", "b.png"], KEYWORDS)


# -- ages


def test_ages() -> None:
    given = pd.Series(["058Y", "62", "011M", "010W", "004D", " 7 ", "155", "-1", "old", "", None], index=range(5, 16))
    years = age_in_years(given)
    np.testing.assert_allclose(years, [58, 62, 11 / 12, 70 / 365.25, 4 / 365.25, 7, *[np.nan] * 5])
    assert years.index.equals(given.index)
    assert age_in_years(pd.Series([58, 155, 0])).fillna(-1).tolist() == [58, -1, 0]
    assert age_in_years(pd.Series([None, None], dtype="str")).dtype == np.float64


# -- extensions


def test_the_extension_of_most_images_wins(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.dcm", "unrelated.jpg", "c.jpg"):
        (tmp_path / name).touch()
    source, choices = ImageSource(tmp_path), (".dcm", ".png", ".jpg")
    assert choose_extension(source, ["a", "b", "c"], choices) == ".png"
    assert choose_extension(source, ["a", "c"], choices) == ".dcm", "of equals the first"
    assert choose_extension(source, ["x"], choices) == ".dcm"
    assert choose_extension(None, ["a", "b"], choices) == ".dcm"
    assert choose_extension(source, ["a", "b"], choices, ".jpg") == ".jpg", "asked for, whatever is there"
    with pytest.raises(ArgumentError, match=r"extension='png'.*\.dcm, \.png, \.jpg"):
        choose_extension(source, ["a"], choices, "png")
