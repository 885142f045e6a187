"""CheXpert and CheXlocalize: labels, patients, views, folders, masks."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_chexpert.plugin import CHEXLOCALIZE, CHEXPERT, xrv_datasets
from xrv_core.datasets import official_split
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, PathMissing, TableError

NAN = float("nan")


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("chexpert", tmp_path / "mini")


@pytest.fixture
def local(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("chexlocalize", tmp_path / "local")


def named(d: Any, row: int) -> dict[str, float]:
    """The known labels of one item."""
    return {n: float(v) for n, v in zip(d.pathologies, d.labels[row], strict=True) if not np.isnan(v)}


# -- CheXpert


def test_the_path_tells_the_official_split(mini: dict[str, Any], local: dict[str, Any]) -> None:
    whole_release = xrv.get_dataset("chexpert", **mini)
    assert {name: len(part) for name, part in official_split(whole_release).items()} == {"train": len(whole_release)}
    assert set(xrv.get_dataset("chexlocalize", **local).csv["split"]) == {"valid"}, "CheXlocalize calls it val"


def test_the_hook_offers_both() -> None:
    assert xrv_datasets() == [CHEXPERT, CHEXLOCALIZE]
    assert xrv.list_datasets("chex*") == ["chexlocalize", "chexpert"]


def test_labels_and_common_columns(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("chexpert", **mini)
    assert set(named(d, 0).values()) == {0.0, 1.0}
    assert named(d, 0)["Support Devices"] == 1, "No Finding is not about devices"
    assert named(d, 1) == {"Cardiomegaly": 1, "Lung Opacity": 1, "Fracture": 1}
    assert "Support Devices" not in named(d, 4)
    assert len(named(d, 4)) == 12
    csv = d.csv
    assert csv["patientid"].tolist() == ["90001", "90002", "90002", "90002", "90003", "90004"]
    assert csv["view"].tolist() == ["AP", "AP", "PA", "L", "PA", "LL"]
    assert csv["sex"].fillna("?").tolist() == ["F", "M", "M", "M", "?", "F"]
    np.testing.assert_array_equal(csv["age_years"], [68, 88, 87, 87, NAN, 90])
    assert csv["source_uid"][3] == "chexpert:patient90002_study2_view2_lateral"
    assert csv["offset_day_int"].isna().all()
    assert d[0]["img"].shape == (1, 80, 96)


def test_uncertain_and_blank_are_a_choice(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("chexpert", **mini, uncertain="one", blank="zero")
    assert not np.isnan(d.labels).any()
    assert d.why(1, "Effusion") == {"Pleural Effusion": -1.0, "No Finding": pytest.approx(NAN, nan_ok=True)}
    assert named(d, 1)["Effusion"] == 1


def test_the_first_study_is_number_two_not_ten(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("chexpert", **mini, unique_patients=True)
    assert len(d) == 4
    assert d.csv["source_uid"][1] == "chexpert:patient90002_study2_view1_frontal"


def test_the_table_may_be_called_anything_and_hold_both_splits(mini: dict[str, Any], tmp_path: Path) -> None:
    lines = mini["csvpath"].read_text()
    other = tmp_path / "x.csv"
    other.write_text(lines + lines.splitlines()[1].replace("/train/patient90001", "/valid/patient90101") + "\n")
    (mini["imgpath"] / "valid").mkdir()
    shutil.copytree(mini["imgpath"] / "train/patient90001", mini["imgpath"] / "valid/patient90101")
    d = xrv.get_dataset("chexpert", mini["imgpath"], other)
    assert d.csv["patientid"].tolist()[-2:] == ["90004", "90101"]
    assert torch.equal(d[0]["img"], d[6]["img"])


@pytest.mark.parametrize("path", ["mini", "mini/CheXpert-v1.0-small"])
def test_imgpath_is_the_release_or_the_folder_above(mini: dict[str, Any], tmp_path: Path, path: str) -> None:
    d = xrv.get_dataset("chexpert", tmp_path / path, mini["csvpath"])
    assert torch.equal(d[3]["img"], xrv.get_dataset("chexpert", **mini)[3]["img"])


def test_of_two_releases_the_one_that_the_table_names_is_read(mini: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mini/CheXpert-v1.0/train").mkdir(parents=True)
    d = xrv.get_dataset("chexpert", tmp_path / "mini", mini["csvpath"])
    assert d.image_name(0) == "CheXpert-v1.0-small/train/patient90001/study1/view1_frontal.jpg"
    mini["csvpath"].write_text(mini["csvpath"].read_text().replace("CheXpert-v1.0-small", "CheXpert-v1.0"))
    with pytest.raises(ImageMissing, match=re.escape("CheXpert-v1.0/train/patient90001")):
        xrv.get_dataset("chexpert", tmp_path / "mini", mini["csvpath"])


@pytest.mark.parametrize("top", ["", "CheXpert-v1.0-small/"])
def test_an_archive_is_read_in_place(mini: dict[str, Any], tmp_path: Path, top: str) -> None:
    plain = xrv.get_dataset("chexpert", **mini)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in sorted(mini["imgpath"].rglob("*.*")):
            archive.write(path, f"{top}{path.relative_to(mini['imgpath'])}")
    d = xrv.get_dataset("chexpert", tmp_path / "c.zip", mini["csvpath"])
    assert all(torch.equal(d[i]["img"], plain[i]["img"]) for i in range(6))


def with_paths(csvpath: Path, paths: list[str]) -> list[str]:
    """Give the rows of a miniature's table other paths."""
    header, *rows = csvpath.read_text().splitlines()
    ends = [row.partition(",")[2] for row in rows]
    csvpath.write_text("\n".join([header, *(f'"{p}",{end}' for p, end in zip(paths, ends, strict=False))]) + "\n")
    return paths


def test_paths_of_any_release_are_split(mini: dict[str, Any]) -> None:
    tops = ["a/train", "a/b/val", "test", "a/patient1/x"]
    paths = with_paths(
        mini["csvpath"], [f"{top}/patient0{i}/study1{i}/view{i}_frontal.jpg" for i, top in enumerate(tops)]
    )
    d = xrv.get_dataset("chexpert", csvpath=mini["csvpath"])
    assert d.csv["Path"].tolist() == paths
    assert d.csv["patientid"].tolist() == ["00", "01", "02", "03"]
    assert d.csv["study"].tolist() == [10, 11, 12, 13]
    assert d.csv["study"].dtype == np.int64
    assert d.csv["source_uid"].tolist() == [f"chexpert:patient0{i}_study1{i}_view{i}_frontal" for i in range(4)]
    assert d.csv["split"].tolist() == ["train", "valid", "test", "x"]
    assert [d.image_name(i) for i in (0, 1)] == [
        "train/patient00/study10/view0_frontal.jpg",
        "val/patient01/study11/view1_frontal.jpg",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "patient1/study1/view1_frontal.jpg",
        "/patient1/study1/view1_frontal.jpg",
        "a/Patient1/study1/view1_frontal.jpg",
        "a/patient/study1/view1_frontal.jpg",
        "a/patient1/study/view1_frontal.jpg",
        "a/patient1/study1/view1_frontal.png",
        "a/patient1/study1/view1_frontal.jpg/x",
        "a/patient1/study1/x/view1_frontal.jpg",
        "a\n/patient1/study1/view1_frontal.jpg",
    ],
)
def test_a_wrong_path_is_an_error_that_names_its_line(mini: dict[str, Any], path: str) -> None:
    with_paths(mini["csvpath"], ["a/patient1/study1/view1_frontal.jpg", path])
    with pytest.raises(TableError, match=r"line 3: 'Path' is .*'chexpert'.*patient00001/study1"):
        xrv.get_dataset("chexpert", csvpath=mini["csvpath"])


def test_wrong_tables(mini: dict[str, Any]) -> None:
    lines = mini["csvpath"].read_text()
    mini["csvpath"].write_text(lines.replace("patient90002/study2/view2", "patient90002/view2"))
    with pytest.raises(TableError, match=r"csv, line 5: 'Path' is 'CheXpert-v1.0-small/train/patient90002/view2"):
        xrv.get_dataset("chexpert", **mini)
    mini["csvpath"].write_text(lines.replace("No Finding", "Finding"))
    with pytest.raises(MissingColumns, match=r"'chexpert'.*'No Finding'"):
        xrv.get_dataset("chexpert", **mini)
    mini["csvpath"].write_text(lines.replace(",0.0,1.0,1.0,,0.0", ",0.0,1.0,7,,0.0"))
    with pytest.raises(TableError, match=r"1 of 6 cells of 'Pleural Other'.*'7.0'"):
        xrv.get_dataset("chexpert", **mini)


# -- CheXlocalize


def test_masks_are_where_they_were_drawn_and_empty_ones_are_none(local: dict[str, Any]) -> None:
    d = xrv.get_dataset("chexlocalize", **local, pathology_masks=True)
    assert d.csv["has_masks"].tolist() == [True, True, False, False]
    assert d.csv["has_masks"].tolist() == [bool(d[i]["pathology_masks"]) for i in range(4)]
    masks = {d.pathologies[k]: mask for k, mask in d[0]["pathology_masks"].items()}
    assert set(masks) == {"Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity"}
    expected = torch.zeros(1, 80, 96)
    expected[0, 40:70, 36:66] = 1
    assert torch.equal(masks["Cardiomegaly"], expected)
    assert {d.pathologies[k] for k in d[1]["pathology_masks"]} == {"Effusion", "Support Devices"}
    assert not xrv.get_dataset("chexlocalize", local["imgpath"], local["csvpath"]).csv["has_masks"].any()


def test_masks_follow_smaller_images(local: dict[str, Any]) -> None:
    from PIL import Image

    for path in local["imgpath"].rglob("*.jpg"):
        Image.open(path).resize((48, 40)).save(path)
    d = xrv.get_dataset("chexlocalize", **local, pathology_masks=True)
    mask = d[0]["pathology_masks"][d.pathologies.index("Cardiomegaly")]
    assert mask.shape == (1, 40, 48)
    assert mask[0, 20:35, 18:33].min() == 1
    assert mask.sum() == 15 * 15


def test_the_test_table_tells_neither_age_nor_sex_nor_ap_or_pa(local: dict[str, Any]) -> None:
    table = pd.read_csv(local["csvpath"]).drop(columns=["Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding"])
    table["Path"] = table["Path"].str.replace("CheXpert-v1.0/valid/", "test/")
    table.to_csv(local["imgpath"] / "test_labels.csv", index=False)
    (local["imgpath"] / "val").rename(local["imgpath"] / "test")
    local["csvpath"] = local["imgpath"] / "test_labels.csv"
    d = xrv.get_dataset("chexlocalize", **local, pathology_masks=True)
    assert d.csv["view"].tolist() == ["UNKNOWN", "UNKNOWN", "L", "UNKNOWN"]
    assert d.csv[["age_years", "sex"]].isna().all(axis=None)
    assert d.csv["has_masks"].tolist() == [True, True, False, False]
    assert d.image_name(0) == "test/patient90101/study1/view1_frontal.jpg"
    assert d[0]["img"].shape == (1, 80, 96)


@pytest.mark.parametrize("path", ["local", "local/CheXpert", "valid"])
def test_the_folder_may_be_called_val_or_valid(local: dict[str, Any], tmp_path: Path, path: str) -> None:
    if path == "valid":
        shutil.copytree(local["imgpath"] / "val", tmp_path / "valid/CheXpert-v1.0/valid")
    d = xrv.get_dataset("chexlocalize", tmp_path / path, local["csvpath"])
    assert torch.equal(d[1]["img"], xrv.get_dataset("chexlocalize", **local)[1]["img"])


def test_the_same_image_has_the_same_name_in_both(local: dict[str, Any], tmp_path: Path) -> None:
    valid = xrv.get_dataset("chexpert", csvpath=local["csvpath"])
    d = xrv.get_dataset("chexlocalize", csvpath=local["csvpath"])
    assert valid.csv["source_uid"].tolist() == d.csv["source_uid"].tolist()
    np.testing.assert_array_equal(valid.labels, d.labels)


def test_two_workers_give_what_one_gives(local: dict[str, Any]) -> None:
    d = xrv.get_dataset("chexlocalize", **local, pathology_masks=True).subset([0])
    loader = torch.utils.data.DataLoader(d, num_workers=2, multiprocessing_context="fork")
    (batch,) = list(loader)
    assert torch.equal(batch["img"][0], d[0]["img"])
    assert batch["pathology_masks"].keys() == d[0]["pathology_masks"].keys()
    assert torch.equal(pickle.loads(pickle.dumps(d))[0]["pathology_masks"][1], d[0]["pathology_masks"][1])


def test_wrong_segmentations(local: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"'chexlocalize' .*gt_segmentations_val.json.*segmentations=\.\.\."):
        xrv.get_dataset("chexlocalize", local["imgpath"], local["csvpath"], pathology_masks=True)
    gone = tmp_path / "gone.json"
    with pytest.raises(PathMissing, match=says(gone, "no such file", "gt_segmentations_test.json of 'chexlocalize'")):
        xrv.get_dataset("chexlocalize", **{**local, "segmentations": gone})
    with pytest.raises(ArgumentError, match=says("'chexlocalize'", "csvpath=", CHEXLOCALIZE.obtain)):
        xrv.get_dataset("chexlocalize", local["imgpath"])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (
            {"a": {"Rabies": {"size": [1, 1], "counts": "1"}}},
            "a, Rabies: .* of a label of 'chexlocalize'",
        ),
        ({"a": {"img_size": [2, 2]}}, "a, img_size: .* is not the mask of a label"),
        ({"a": {"Edema": {"size": [1, 1]}}}, "a, Edema: 'counts' is missing"),
        ({"a": {"Edema": {"size": [10**9, 10**9], "counts": "1"}}}, "a, Edema, size has .* pixels.*XRV_MAX_PIXELS"),
        ({"a": {"Edema": {"size": [1, True], "counts": "1"}}}, "a, Edema, size\\[1\\]: True is not a whole number"),
        ({"a": {"Edema": {"size": "11", "counts": "1"}}}, "a, Edema, size: '11' is not a list of height and width"),
        ({"a": {"Edema": {"size": [1, 1], "counts": 1}}}, "a, Edema, counts: 1 is not a text or a list"),
        ({"a": None}, "a: None is not an object"),
        ([1], "is not an object"),
    ],
)
def test_a_json_of_another_kind(local: dict[str, Any], content: Any, error: str) -> None:
    local["segmentations"].write_text(json.dumps(content))
    with pytest.raises(TableError, match=f"^{local['segmentations']}.*{error}"):
        xrv.get_dataset("chexlocalize", **local)


def test_a_damaged_mask_is_named(local: dict[str, Any]) -> None:
    name = "patient90101_study1_view1_frontal"
    local["segmentations"].write_text(json.dumps({name: {"Edema": {"size": [80, 96], "counts": [1, 1]}}}))
    d = xrv.get_dataset("chexlocalize", **local, pathology_masks=True)
    with pytest.raises(
        TableError, match=f"^{local['segmentations']}, {name}, Edema: the runs of a COCO RLE of 80 x 96 "
    ):
        d[0]
