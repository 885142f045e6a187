"""MIMIC-CXR-JPG: joining its tables, labels, days, splits. The real tables are credentialed: all rows are made up."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, PathMissing, TableError
from xrv_mimic.plugin import MIMIC, xrv_datasets

NAN = float("nan")


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("mimic", tmp_path / "mini")


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


def known(d: Any, row: int) -> dict[str, float]:
    return {n: float(v) for n, v in zip(d.pathologies, d.labels[row], strict=True) if not np.isnan(v)}


def edit(path: Path, old: str, new: str) -> None:
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new).encode()))


# -- the miniature


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [MIMIC]
    assert xrv.describe_dataset("mimic") == MIMIC


def test_an_image_has_the_labels_of_its_study(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("mimic", **mini)
    assert len(d) == 8
    np.testing.assert_array_equal(d.labels[4], d.labels[5])
    assert known(d, 4) == {
        **{"Atelectasis": 1, "Lung Opacity": 1, "Effusion": 0, "Pneumothorax": 0, "Support Devices": 1}
    }
    assert known(d, 6) == {"Edema": 1, "Fracture": 1, "Pleural Other": 1, "Pneumothorax": 1}
    assert known(d, 7) == {}, "its study has no labels"


def test_no_finding_says_nothing_about_devices_but_in_torchxrayvision(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("mimic", **mini)
    column = d.pathologies.index("Support Devices")
    np.testing.assert_array_equal(d.labels[:3, column], [NAN, NAN, 1])
    np.testing.assert_array_equal(np.delete(d.labels[:3], column, axis=1), 0)
    loose = xrv.get_dataset("mimic", **mini, labels="torchxrayvision")
    np.testing.assert_array_equal(loose.labels[:3], 0)
    assert loose.why(2, "Support Devices") == {"Support Devices": 1.0, "No Finding": 1.0}


def test_common_columns(mini: dict[str, Any]) -> None:
    csv = xrv.get_dataset("mimic", **mini).csv
    patients = ["99000001"] * 3 + ["99000002"] * 3 + ["99000003", "99000004"]
    assert csv["patientid"].tolist() == patients
    assert csv["view"].tolist() == ["PA", "LATERAL", "AP", "AP", "PA", "LL", "UNKNOWN", "AP"]
    assert csv["offset_day_int"].tolist() == [0, 0, 51, 33, 0, 0, 0, 0], "51 days, which as numbers are 120 apart"
    assert csv[["age_years", "sex"]].isna().all(axis=None)
    assert csv["source_uid"][0] == "mimic:0000000a-0000000b-0000000c-0000000d-00000001"
    assert csv["split"].tolist() == ["train"] * 6 + ["validate", "test"]


def test_the_official_split(mini: dict[str, Any]) -> None:
    parts = {name: xrv.get_dataset("mimic", **mini, split=name) for name in ("train", "validate", "test")}
    assert {name: len(d) for name, d in parts.items()} == {"train": 6, "validate": 1, "test": 1}
    assert parts["validate"].csv["patientid"].tolist() == ["99000003"]
    del mini["splits"]
    assert "split" not in xrv.get_dataset("mimic", **mini).csv


def test_days_count_from_the_first_study_of_the_whole_table(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("mimic", **mini, views="AP")
    assert d.csv["offset_day_int"].tolist() == [51, 33, 0]


def test_unique_patients_keeps_the_first_by_day_and_time(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("mimic", **mini, unique_patients=True)
    assert d.csv["source_uid"].str[-1].tolist() == ["1", "5", "7", "8"]
    edit(mini["metadata"], "21510201,081500.000", "21501230,003000.000")
    d = xrv.get_dataset("mimic", **mini, unique_patients=True)
    assert d.csv["source_uid"].str[-1].tolist() == ["1", "4", "7", "8"], "half past midnight comes first"


def test_negbio_labels_have_the_same_format(mini: dict[str, Any]) -> None:
    negbio = mini["csvpath"].with_name("mimic-cxr-2.0.0-negbio.csv.gz")
    mini["csvpath"].rename(negbio)
    d = xrv.get_dataset("mimic", **{**mini, "csvpath": negbio}, uncertain="one", blank="zero")
    assert known(d, 4)["Edema"] == 1
    assert not np.isnan(d.labels[:7]).any()


@pytest.mark.parametrize("path", ["mini", "mini/files"])
def test_imgpath_is_files_or_the_folder_above(mini: dict[str, Any], tmp_path: Path, path: str) -> None:
    d = xrv.get_dataset("mimic", **{**mini, "imgpath": tmp_path / path})
    assert d.image_name(0).endswith("p99/p99000001/s59000011/0000000a-0000000b-0000000c-0000000d-00000001.jpg")
    assert d[0]["img"].shape == (1, 96, 96)


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("mimic", **mini)
    loader = torch.utils.data.DataLoader(d, batch_size=4, num_workers=2, multiprocessing_context="fork")
    assert torch.equal(torch.cat([b["img"] for b in loader]), torch.stack([d[i]["img"] for i in range(8)]))
    assert torch.equal(pickle.loads(pickle.dumps(d))[0]["img"], d[0]["img"])


# -- the counts of the paper, by arithmetic


def test_row_counts_on_a_bigger_table_of_made_up_rows(mini: dict[str, Any]) -> None:
    """1,000 studies of 1 to 3 images, 40 of them without labels.

    The paper's Table 1 counts 377,095 images of the 377,110 that were released, in 227,835 studies of which 227,827
    have labels. That the 8 others have those 15 images can only be seen with the real tables.
    """
    images = [
        (f"{i:08x}-{k:08x}-0-0-0", 99_100_000 + i // 3, 59_100_000 + i) for i in range(1000) for k in range(1 + i % 3)
    ]
    meta = pd.DataFrame(images, columns=["dicom_id", "subject_id", "study_id"]).assign(
        ViewPosition="PA", StudyDate=21500101, StudyTime=1.0
    )
    labels = pd.read_csv(mini["csvpath"]).iloc[[0] * 1000]
    labels["subject_id"], labels["study_id"] = 99_100_000 + np.arange(1000) // 3, 59_100_000 + np.arange(1000)
    meta.to_csv(mini["metadata"], index=False)
    labels.iloc[np.arange(1000) % 25 != 0].sample(frac=1, random_state=0).to_csv(mini["csvpath"], index=False)
    tables = {"csvpath": mini["csvpath"], "metadata": mini["metadata"]}
    d = xrv.get_dataset("mimic", **tables)
    unlabelled = sum(1 + i % 3 for i in range(0, 1000, 25))
    assert len(d) == len(images)
    assert d.csv["dicom_id"].tolist() == meta["dicom_id"].tolist(), "in the order of the metadata"
    assert int(np.isnan(d.labels).all(axis=1).sum()) == unlabelled
    assert len(xrv.get_dataset("mimic", **tables, labels="torchxrayvision")) == len(images) - unlabelled


# -- bad input


def test_tables_that_are_missing(mini: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=says("'mimic'", "csvpath=", MIMIC.obtain)):
        xrv.get_dataset("mimic", mini["imgpath"], metadata=mini["metadata"])
    with pytest.raises(ArgumentError, match=r"'mimic' .*metadata=\.\.\. \(mimic-cxr-2.0.0-metadata.csv.gz\).*obtain"):
        xrv.get_dataset("mimic", mini["imgpath"], mini["csvpath"])
    del mini["splits"]
    with pytest.raises(ArgumentError, match=r"'mimic' .*splits=\.\.\. \(mimic-cxr-2.0.0-split.csv.gz\).*obtain"):
        xrv.get_dataset("mimic", **mini, split="test")
    gone = tmp_path / "gone.csv"
    with pytest.raises(PathMissing, match=says(gone, "no such file", "mimic-cxr-2.0.0-metadata.csv.gz of 'mimic'")):
        xrv.get_dataset("mimic", **{**mini, "metadata": gone})


def test_wrong_splits(mini: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=r"split='valid' .*'mimic'.*train, validate, test"):
        xrv.get_dataset("mimic", **mini, split="valid")
    edit(mini["splits"], ",test", ",train")
    words = rf"split='test' .*{mini['metadata']}.*{mini['splits']}: train \(7\), validate \(1\)"
    with pytest.raises(ArgumentError, match=words):
        xrv.get_dataset("mimic", **mini, split="test")


def test_labels_of_the_radiologist(mini: dict[str, Any]) -> None:
    """They have no patient, and call Lung Opacity Airspace Opacity; 687 studies of the release have them."""
    path = mini["csvpath"].with_name("mimic-cxr-2.1.0-test-set-labeled.csv")
    path.write_text(
        "study_id,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Lesion,Airspace Opacity,Edema,Consolidation,"
        "Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices\n"
        "59000041,,,1.0,,1.0,-1.0,,,,0.0,1.0,,,1.0\n59000022,1.0,,,,,,,,,,,,,\n"
    )
    d = xrv.get_dataset("mimic", **{**mini, "csvpath": path})
    assert d.csv["study_id"].tolist() == ["59000022", "59000041"]
    found = {name: d.labels[1, i] for i, name in enumerate(d.pathologies)}
    positive = {name for name, value in found.items() if value == 1}
    assert positive == {"Cardiomegaly", "Lung Opacity", "Effusion", "Support Devices"}
    assert found["Pneumothorax"] == 0
    assert np.isnan([found["Edema"], found["Fracture"]]).all()
    assert (d.labels[0] == 0).sum() == 12
    assert d.why(1, "Lung Opacity")["Lung Opacity"] == 1
    assert len(xrv.get_dataset("mimic", **{**mini, "csvpath": path}, split="test")) == 1


def test_tables_that_were_exchanged(mini: dict[str, Any]) -> None:
    swapped = {**mini, "csvpath": mini["metadata"], "metadata": mini["csvpath"]}
    with pytest.raises(
        MissingColumns,
        match=says(
            mini["csvpath"],
            "'mimic'",
            "missing columns 'dicom_id', 'ViewPosition', 'StudyDate', 'StudyTime'",
            "'subject_id', 'study_id'",
            "and 4 more",
            "mimic-cxr-2.0.0-metadata.csv.gz",
        ),
    ):
        xrv.get_dataset("mimic", **swapped)


def test_a_study_or_an_image_that_is_there_twice(mini: dict[str, Any]) -> None:
    edit(mini["splits"], "00000001,59000011,99000001,train", "00000002,59000011,99000001,test")
    words = f"{mini['splits']}, lines 2 and 3: .*'0000000a-0000000b-0000000c-0000000d-00000002'"
    with pytest.raises(TableError, match=words):
        xrv.get_dataset("mimic", **mini)
    edit(mini["csvpath"], "99000001,59000012", "99000001,59000011")
    with pytest.raises(TableError, match=f"{mini['csvpath']}, lines 2 and 3: .*'59000011'.*'Support Devices'"):
        xrv.get_dataset("mimic", **mini)


def test_tables_of_different_studies(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], ",590000", ",580000")
    with pytest.raises(
        TableError, match=says(mini["csvpath"], "none of its studies", mini["metadata"], "csvpath and metadata")
    ):
        xrv.get_dataset("mimic", **mini)


def test_errors_name_the_table_that_they_are_about(mini: dict[str, Any]) -> None:
    gone = next(mini["imgpath"].rglob("*07.jpg"))
    gone.unlink()
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"],
            "1 of the 8 images",
            mini["metadata"],
            f"'{gone.relative_to(mini['imgpath'])}'",
            "imgpath",
            'on_error="skip"',
        ),
    ):
        xrv.get_dataset("mimic", **mini)
    edit(mini["csvpath"], "99000002,59000022,,1.0,0.0", "99000002,59000022,,1.0,yes")
    with pytest.raises(TableError, match=rf"{mini['csvpath']}: 1 of 8 cells of 'Consolidation' .* 'yes'"):
        xrv.get_dataset("mimic", **mini, on_error="skip")


# -- beside torchxrayvision 1.5.7


@pytest.mark.parity
def test_torchxrayvision_opens_our_miniature_and_agrees(mini: dict[str, Any], reference: Any) -> None:
    theirs = reference.MIMIC_Dataset(
        mini["imgpath"], mini["csvpath"], mini["metadata"], views=["*"], unique_patients=False
    )
    d = xrv.get_dataset("mimic", **mini, labels="torchxrayvision")
    assert d.pathologies == [str(name) for name in theirs.pathologies]
    position = {name: i for i, name in enumerate(theirs.csv["dicom_id"])}
    rows = [position[name] for name in d.csv["dicom_id"]]
    assert sorted(rows) == list(range(len(theirs)))
    np.testing.assert_array_equal(d.labels, theirs.labels[rows])
    for i, j in enumerate(rows):
        np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[j]["img"])
        assert d.csv["view"][i] == theirs.csv["view"].iloc[j]
        assert d.csv["patientid"][i] == theirs.csv["patientid"].iloc[j]
