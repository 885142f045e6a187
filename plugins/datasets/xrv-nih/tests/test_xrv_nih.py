"""NIH ChestX-ray14 and Google's labels on it: labels, patients, boxes, files."""

from __future__ import annotations

import pickle
import re
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.errors import ArgumentError, ImageError, ImageMissing, MissingColumns, OfflineError, TableError
from xrv_nih.plugin import xrv_datasets


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("nih", tmp_path / "mini")


# -- the miniature


def test_the_hook_offers_both() -> None:
    assert [spec.name for spec in xrv_datasets()] == ["nih", "nih-google"]
    assert {"nih", "nih-google"} <= set(xrv.list_datasets("nih*"))


def test_labels_and_common_columns(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("nih", **mini)
    row = d.csv.iloc[3]
    assert [p for p, v in zip(d.pathologies, d.labels[3], strict=True) if v == 1] == ["Infiltration", "Nodule"]
    assert row["patientid"] == "90002"
    assert (row["view"], row["age_years"], row["sex"], row["has_masks"]) == ("AP", 34.0, "F", True)
    assert row["source_uid"] == "nih:00090002_000"
    assert pd.isna(row["offset_day_int"])
    assert d.csv["has_masks"].sum() == 2
    assert d.views == ["AP", "PA"]
    assert d[2]["img"].shape == (1, 96, 96), "RGBA is one channel"


def test_why_gives_the_cell_behind_a_label(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("nih", **mini)
    assert d.why(3, "Nodule") == {"Finding Labels": "Infiltration|Nodule"}
    with pytest.raises(ArgumentError, match=r"^'Fracture' is no label of 'nih'\. Its labels are: Atelectasis, "):
        d.why(3, "Fracture")


def test_unique_patients_follow_time_not_file_names(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("nih", **mini, unique_patients=True)
    uids = ["90001_000", "90002_001", "90003_000", "90004_000", "90005_000"]
    assert d.csv["source_uid"].tolist() == [f"nih:000{uid}" for uid in uids]


def test_boxes_are_masks_at_their_place(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("nih", **mini, pathology_masks=True)
    assert d[0]["pathology_masks"].keys() == {d.pathologies.index("Cardiomegaly")}
    assert d[1]["pathology_masks"] == {}
    masks = {d.pathologies[i]: mask[0].nonzero() for i, mask in d[3]["pathology_masks"].items()}
    # the box (682.6, 298.6, 64.0, 53.3) on 1024 pixels is (63.99, 27.99, 6.0, 5.0) on 96
    assert masks["Nodule"].min(dim=0).values.tolist() == [28, 64]
    assert masks["Nodule"].max(dim=0).values.tolist() == [32, 69]
    assert set(masks) == {"Infiltration", "Nodule"}


def test_has_masks_says_what_would_be_returned(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("nih", **mini, pathology_masks=True)
    assert d.csv["has_masks"].tolist() == [bool(d[i]["pathology_masks"]) for i in range(8)]
    del mini["boxes"]
    assert not xrv.get_dataset("nih", **mini).csv["has_masks"].any()


def test_nothing_is_fetched_that_was_not_asked_for(mini: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_OFFLINE", "1")
    del mini["boxes"]
    assert len(xrv.get_dataset("nih", **mini)) == 8
    with pytest.raises(OfflineError, match="BBox_List_2017"):
        xrv.get_dataset("nih", **mini, pathology_masks=True)


def test_google_has_the_same_images_under_the_same_names(tmp_path: Path) -> None:
    g = xrv.get_dataset("nih-google", **xrv.miniature("nih-google", tmp_path))
    n = xrv.get_dataset("nih", **xrv.miniature("nih", tmp_path / "nih"))
    assert set(g.csv["source_uid"]) < set(n.csv["source_uid"])
    assert set(g.csv["patientid"]) <= set(n.csv["patientid"])
    assert g.pathologies == ["Lung Opacity", "Fracture", "Nodule/Mass", "Pneumothorax"]
    np.testing.assert_array_equal(g.labels, [[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, 1, 0, 0]])
    assert g[1]["img"].shape == (1, 96, 96)
    with pytest.raises(ArgumentError, match=says("'nih-google'", "no pathology masks", "leave pathology_masks out")):
        xrv.get_dataset("nih-google", **xrv.miniature("nih-google", tmp_path), pathology_masks=True)


def test_an_answer_that_is_neither_yes_nor_no_is_unknown(tmp_path: Path) -> None:
    paths = xrv.miniature("nih-google", tmp_path)
    paths["csvpath"].write_text(paths["csvpath"].read_text().replace("YES,NO,NO,NO,val", "YES,,NO,NO,val"))
    np.testing.assert_array_equal(xrv.get_dataset("nih-google", **paths).labels[4], [0, 1, 0, np.nan])
    same = xrv.get_dataset("nih-google", **paths, labels="torchxrayvision")
    np.testing.assert_array_equal(same.labels[4], [0, 1, 0, 0])


@pytest.mark.parametrize("column", ["Patient Gender", "Patient Sex"])
def test_early_releases_of_the_table_open(mini: dict[str, Any], column: str) -> None:
    table = pd.read_csv(mini["csvpath"]).rename(columns={"Patient Gender": column})
    table["Patient Age"] = ["057Y", "414Y", "011M", "004D", "80", "0", "1", "61"]
    table.loc[0, "Finding Labels"] = None
    table.to_csv(mini["csvpath"], index=False)
    d = xrv.get_dataset("nih", **mini)
    np.testing.assert_allclose(d.csv["age_years"], [57, np.nan, 11 / 12, 4 / 365.25, 80, 0, 1, 61])
    assert d.csv["sex"].tolist() == ["M", "M", "F", "F", "F", "M", "M", "M"]
    assert np.isnan(d.labels[0]).all(), "a blank cell is not No Finding"


# -- files


def test_official_sub_folders_zip_and_tar_give_equal_items(mini: dict[str, Any], tmp_path: Path) -> None:
    flat = xrv.get_dataset("nih", **mini)
    names = sorted(p.name for p in mini["imgpath"].iterdir())
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as z, tarfile.open(tmp_path / "i.tar", "w") as t:
        for number, name in enumerate(names):
            below = f"images_00{1 + number // 4}/images/{name}"
            (tmp_path / "official" / below).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(mini["imgpath"] / name, tmp_path / "official" / below)
            z.write(mini["imgpath"] / name, below)
            t.add(mini["imgpath"] / name, below)
    for root in ("official", "i.zip", "i.tar"):
        d = xrv.get_dataset("nih", **{**mini, "imgpath": tmp_path / root})
        assert all(torch.equal(d[i]["img"], flat[i]["img"]) for i in range(8))


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("nih", **mini)
    loader = torch.utils.data.DataLoader(d, batch_size=4, num_workers=2, multiprocessing_context="fork")
    batches = list(loader)
    assert torch.equal(torch.cat([b["img"] for b in batches]), torch.stack([d[i]["img"] for i in range(8)]))
    np.testing.assert_array_equal(torch.cat([b["lab"] for b in batches]), d.labels)
    assert len(pickle.loads(pickle.dumps(d)).boxes) == 2


def test_missing_and_damaged_images(mini: dict[str, Any]) -> None:
    gone, broken = (mini["imgpath"] / f"0009000{n}_000.png" for n in (3, 5))
    gone.unlink()
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"], "1 of the 8 images", mini["csvpath"], "'00090003_000.png'", "imgpath", 'on_error="skip"'
        ),
    ):
        xrv.get_dataset("nih", **mini)
    d = xrv.get_dataset("nih", **mini, on_error="skip")
    assert (len(d), d.skipped, d.csv["patientid"].tolist()[4]) == (7, ["00090003_000.png"], "90004")
    with pytest.raises(ImageError, match=re.escape(str(broken))):
        d[6]


def test_wrong_tables(mini: dict[str, Any]) -> None:
    with pytest.raises(
        MissingColumns,
        match=says(
            mini["boxes"],
            "'nih'",
            "missing columns 'Follow-up #', 'Patient ID', 'Patient Age', 'View Position', 'Finding Labels'",
            "'Image Index'",
            "Data_Entry_2017_v2020.csv.gz",
        ),
    ):
        xrv.get_dataset("nih", mini["imgpath"], mini["boxes"])
    with pytest.raises(
        MissingColumns,
        match=says(
            mini["csvpath"],
            "'nih'",
            "missing columns 'Finding Label', 'Bbox [x', 'y', 'w', 'h]'",
            "'Image Index'",
            "BBox_List_2017.csv",
        ),
    ):
        xrv.get_dataset("nih", **{**mini, "boxes": mini["csvpath"]})


@pytest.mark.parametrize("box", ["Scoliosis,1,2,3,4", "Mass,1,2,0,4", "Mass,1,,3,4", "Mass,1,b,3,4"])
def test_a_box_that_is_none_is_named_with_its_line(mini: dict[str, Any], box: str) -> None:
    with mini["boxes"].open("a") as file:
        file.write(f"a.png,{box}\n")
    with pytest.raises(
        TableError,
        match=says(mini["boxes"], "line 5", "label of 'nih'", "one pixel", repr(box.partition(",")[0]), "'a.png'"),
    ):
        xrv.get_dataset("nih", **mini)
