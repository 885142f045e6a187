"""The RSNA Pneumonia Detection Challenge: one item an image, boxes, headers, classes, patients."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says
from PIL import Image

import xrv_core as xrv
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, OfflineError, PathMissing, TableError
from xrv_rsna.plugin import xrv_datasets

ID = "a090000{}-0000-4000-8000-00000000000{}"
FIRST, FOURTH = ID.format(1, 1), ID.format(2, 4)


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("rsna", tmp_path / "mini")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_hook_offers_it() -> None:
    assert [spec.name for spec in xrv_datasets()] == ["rsna"]
    assert "rsna" in xrv.list_datasets()


def test_one_item_an_image_with_what_the_header_table_says(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("rsna", **mini)
    assert d.pathologies == ["Lung Opacity", "Pneumonia"]
    np.testing.assert_array_equal(d.labels, [[0, 0], [0, 0], [0, 0], [1, 1], [1, 1], [0, 0]])
    row = d.csv.iloc[3]
    assert (row["view"], row["age_years"], row["sex"], row["has_masks"]) == ("AP", 34.0, "F", True)
    assert row["class"] == "Lung Opacity"
    assert pd.isna(row["offset_day_int"])
    assert d.csv["age_years"].isna().tolist() == [False] * 5 + [True], "nobody is 155"
    assert d.views == ["AP", "PA"]
    assert d[0]["img"].shape == (1, 96, 96)


def test_with_the_mapping_patients_are_those_of_nih(mini: dict[str, Any], tmp_path: Path) -> None:
    d = xrv.get_dataset("rsna", **mini)
    assert d.csv["patientid"].tolist() == ["90001", "90001", "90002", "90002", "90004", "90005"]
    assert d.csv["source_uid"][0] == "nih:00090001_000"
    once = xrv.get_dataset("rsna", **mini, unique_patients=True)
    assert once.csv["patientid"].tolist() == ["90001", "90002", "90004", "90005"]
    assert once.csv["age_years"].tolist()[:2] == [57, 33], "the younger image is the earlier one"
    pytest.importorskip("xrv_nih")
    nih = xrv.get_dataset("nih", **xrv.miniature("nih", tmp_path / "nih"))
    assert set(d.csv["source_uid"]) < set(nih.csv["source_uid"])
    assert set(d.csv["patientid"]) < set(nih.csv["patientid"])


def test_without_the_mapping_patients_are_not_known(mini: dict[str, Any]) -> None:
    del mini["mapping"]
    d = xrv.get_dataset("rsna", **mini)
    assert d.csv["patientid"].isna().all()
    assert d.csv["source_uid"][0] == f"rsna:{FIRST}"
    with pytest.raises(ArgumentError, match=says("'rsna'", "patients", "leave unique_patients out")):
        xrv.get_dataset("rsna", **mini, unique_patients=True)


def test_an_image_that_the_mapping_leaves_out(mini: dict[str, Any]) -> None:
    mini["mapping"].write_text(json.dumps([{"subset_img_id": FOURTH, "img_id": "00000007_001.png"}]))
    csv = xrv.get_dataset("rsna", **mini).csv
    assert csv["patientid"].dropna().to_dict() == {3: "7"}
    assert csv["source_uid"].tolist()[2:4] == [f"rsna:{ID.format(2, 3)}", "nih:00000007_001"]


def test_why(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("rsna", **mini)
    assert d.why(0, "Pneumonia") == {"Target": 0, "class": "No Lung Opacity / Not Normal"}
    del mini["classes"]
    assert xrv.get_dataset("rsna", **mini).why(3, "Lung Opacity") == {"Target": 1}


def test_boxes_are_one_mask_for_both_labels(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("rsna", **mini, pathology_masks=True)
    assert d.csv["has_masks"].tolist() == [bool(d[i]["pathology_masks"]) for i in range(6)]
    masks = d[3]["pathology_masks"]
    assert masks.keys() == {0, 1}
    assert torch.equal(masks[0], masks[1])
    assert masks[0].data_ptr() != masks[1].data_ptr(), "one may be changed without the other"
    expected = torch.zeros(96, 96)
    # (192, 256, 213, 320) and (640, 384, 192, 256) on 1024 pixels are these on 96
    expected[24:54, 18:38] = 1
    expected[36:60, 60:78] = 1
    assert torch.equal(masks[0][0], expected)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_the_extension_is_found(mini: dict[str, Any], tmp_path: Path, extension: str) -> None:
    dicom = xrv.get_dataset("rsna", **mini)
    assert dicom.extension == ".dcm"
    for i in range(6):
        pixels = (dicom[i]["img"][0].numpy() / 2048 + 0.5) * 255
        name = dicom.image_name(i).replace(".dcm", extension)
        (tmp_path / "other").mkdir(exist_ok=True)
        Image.fromarray(np.rint(pixels).astype(np.uint8)).save(tmp_path / "other" / name, quality=95)
    d = xrv.get_dataset("rsna", **{**mini, "imgpath": tmp_path / "other"})
    assert d.extension == extension
    difference = (d[3]["img"] - dicom[3]["img"]).abs()
    assert difference.mean() < (1e-9 if extension == ".png" else 20)
    with pytest.raises(ImageMissing, match=re.escape("6 of the 6 images")):
        xrv.get_dataset("rsna", **{**mini, "imgpath": tmp_path / "other"}, extension=".dcm")
    with pytest.raises(ArgumentError, match=says("extension='.tif'", ".dcm, .jpg, .jpeg, .png")):
        xrv.get_dataset("rsna", **mini, extension=".tif")


def test_a_zip_with_some_images_missing(mini: dict[str, Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "stage_2_train_images.zip", "w") as archive:
        for path in sorted(mini["imgpath"].iterdir())[2:]:
            archive.write(path, f"stage_2_train_images/{path.name}")
    flat = xrv.get_dataset("rsna", **mini)
    mini["imgpath"] = tmp_path / "stage_2_train_images.zip"
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"], "2 of the 6 images", mini["csvpath"], f"'{FIRST}.dcm'", "imgpath", 'on_error="skip"'
        ),
    ):
        xrv.get_dataset("rsna", **mini)
    d = xrv.get_dataset("rsna", **mini, on_error="skip", pathology_masks=True)
    assert d.csv["has_masks"].tolist() == [False, True, True, False]
    assert torch.equal(d[1]["img"], flat[3]["img"])
    assert set(d[1]["pathology_masks"]) == {0, 1}


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("rsna", **mini, pathology_masks=True).subset([3, 4])
    loader = torch.utils.data.DataLoader(d, batch_size=1, num_workers=2, multiprocessing_context="fork")
    for i, batch in enumerate(loader):
        assert torch.equal(batch["img"][0], d[i]["img"])
        assert torch.equal(batch["pathology_masks"][1][0], d[i]["pathology_masks"][1])
    assert pickle.loads(pickle.dumps(d)).csv.equals(d.csv)


def test_views_and_labels_without_images(mini: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_OFFLINE", "1")
    del mini["imgpath"]
    assert xrv.get_dataset("rsna", **mini, views="AP").labels.tolist() == [[1, 1], [1, 1]]
    del mini["dicomcsvpath"]
    with pytest.raises(OfflineError, match="kaggle_stage_2_train_images_dicom_headers"):
        xrv.get_dataset("rsna", **mini)


# -- wrong tables


@pytest.mark.parametrize(
    ("old", "new", "about"),
    [
        (f"{FIRST},,,,,0", f"{FIRST},,,,,1", "Target 1 with x, y, width, height nan, nan, nan, nan"),
        (f"{FIRST},,,,,0", f"{FIRST},1,2,3,4,0", "Target 0 with x, y, width, height 1.0, 2.0, 3.0, 4.0"),
        (f"{FIRST},,,,,0", f"{FIRST},1,2,0,4,1", "Target 1 with x, y, width, height 1.0, 2.0, 0.0, 4.0"),
        (f"{FIRST},,,,,0", f"{FIRST},,,,,2", "Target 2 with x, y, width, height nan, nan, nan, nan"),
    ],
)
def test_rows_that_make_no_sense(mini: dict[str, Any], old: str, new: str, about: str) -> None:
    edit(mini["csvpath"], old, new)
    with pytest.raises(TableError, match=f"csv, line 2: .*box of at least one pixel.*{FIRST!r} is {about}"):
        xrv.get_dataset("rsna", **mini)


def test_rows_that_contradict_each_other(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], f"{FIRST},,,,,0", f"{FIRST},,,,,0\n{FOURTH},,,,,0")
    with pytest.raises(TableError, match=says(mini["csvpath"], "lines", repr(FOURTH), "differ in 'Target'")):
        xrv.get_dataset("rsna", **mini)


def test_tables_given_in_the_wrong_place(mini: dict[str, Any]) -> None:
    with pytest.raises(
        MissingColumns,
        match=says(
            mini["csvpath"],
            "'rsna'",
            "missing columns 'PatientID', 'PatientAge', 'PatientSex', 'ViewPosition'",
            "'patientId', 'x'",
            "kaggle_stage_2_train_images_dicom_headers.csv",
        ),
    ):
        xrv.get_dataset("rsna", **{**mini, "dicomcsvpath": mini["csvpath"]})
    with pytest.raises(
        MissingColumns,
        match=says(
            mini["csvpath"], "'rsna'", "missing column 'class'", "'patientId', 'x'", "stage_2_detailed_class_info.csv"
        ),
    ):
        xrv.get_dataset("rsna", **{**mini, "classes": mini["csvpath"]})


def test_an_unknown_class(mini: dict[str, Any]) -> None:
    edit(mini["classes"], f"{FIRST},No Lung Opacity / Not Normal", f"{FIRST},Not Normal")
    with pytest.raises(TableError, match=r"csv, line 2: .*'Not Normal'.*No Lung Opacity / Not Normal, Lung Opacity"):
        xrv.get_dataset("rsna", **mini)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "JSONDecodeError"),
        ("[1]", "[0]: 1 is not an object with 'subset_img_id'"),
        ('[{"img_id": "1.png"}]', "[0]: 'subset_img_id' is missing"),
        ('[{"img_id": 1, "subset_img_id": "a"}]', "[0], img_id: 1 is not a text"),
        (
            '[{"img_id": "1.png", "subset_img_id": "a"}, {"img_id": "2.png", "subset_img_id": "a"}]',
            "[1]: an earlier entry of 'a' has '1', this one '2'",
        ),
    ],
)
def test_a_mapping_that_is_none(mini: dict[str, Any], content: str, why: str) -> None:
    mini["mapping"].write_text(content)
    with pytest.raises(TableError, match=says(mini["mapping"], why)):
        xrv.get_dataset("rsna", **mini)
    mini["mapping"].unlink()
    with pytest.raises(
        PathMissing, match=says(mini["mapping"], "no such file", "pneumonia-challenge-dataset-mappings_2018.json")
    ):
        xrv.get_dataset("rsna", **mini)
