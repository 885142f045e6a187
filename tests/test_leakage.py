"""Leakage: images and patients on both sides, by name, by fact, by table, and by their pixels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says
from view_toys import Stranger, spec, table, toy

import xrv_core
from xrv_core.datasets import XrayDataset, check_leakage, read_id_map, split
from xrv_core.datasets.leakage.overlaps import between, collection_of, training_overlaps
from xrv_core.errors import ArgumentError, LeakageError, MissingColumns, MissingDependency


class Plain(XrayDataset):
    def pixels(self, row: int) -> np.ndarray:
        rng = np.random.default_rng(int(self.csv["uid"].iloc[row].split(":")[1]))
        coarse = torch.from_numpy(rng.uniform(-1000, 1000, (1, 1, 8, 8)).astype(np.float32))
        return torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic")[0].clip(-1024, 1024).numpy()


def plain(name: str, numbers: list[int], patients: list[str | None] | None = None, **more: Any) -> Plain:
    csv = table(name, patients or [f"p{n}" for n in numbers] + [None] * (len(numbers) % 2))
    csv = csv.iloc[: len(numbers)].copy()
    csv["uid"] = csv["source_uid"] = pd.Series([f"{name}:{n}" for n in numbers], dtype="str")
    made = spec(name, ("Mass",))
    object.__setattr__(made, "overlaps", tuple(more.get("overlaps", ())))
    return Plain(made, csv, np.zeros((len(numbers), 1), dtype=np.float32))


# -- by name


def test_shared_images_and_patients_are_found() -> None:
    train = plain("nih", [1, 2, 3, 4], ["a", "a", "b", "c"])
    test = plain("nih", [9, 3, 2, 8], ["c", "b", "a", "d"])
    report = check_leakage(train, test)
    assert report.images.to_dict("split")["data"] == [["nih:2", 1, 2], ["nih:3", 2, 1]]
    assert report.patients.to_dict("split")["data"] == [["nih/a", 2, 1], ["nih/b", 1, 1], ["nih/c", 1, 1]]
    assert report
    assert report.found() == ["images", "patients"]
    with pytest.raises(
        LeakageError, match=says("2 images and 3 patients", "train and test", "acknowledge 'images', 'patients'")
    ):
        report.raise_for_leakage()
    with pytest.raises(LeakageError, match=r"acknowledge 'patients'\.$"):
        report.raise_for_leakage(acknowledge="images")
    report.raise_for_leakage(acknowledge=["images", "patients"])
    with pytest.raises(ArgumentError) as refused:
        report.raise_for_leakage(acknowledge=["image"])
    assert "'image'" in str(refused.value)
    assert "images, patients, collections, near_duplicates" in str(refused.value)


def test_a_patient_wise_split_leaks_nothing() -> None:
    whole = plain("nih", list(range(60)), [f"p{i // 3}" for i in range(60)])
    parts = split(whole, {"train": 0.5, "test": 0.5})
    report = check_leakage(parts["train"], parts["test"])
    assert not report
    report.raise_for_leakage()
    assert str(report) == "0 images and 0 patients are in both train and test."
    assert check_leakage(whole.merge(plain("x", [1, 2])), parts["test"]).found() == ["images", "patients"]


def test_one_number_of_two_collections_is_not_one_patient() -> None:
    assert not check_leakage(plain("nih", [1, 2], ["7", "8"]), plain("padchest", [1, 2], ["7", "8"]))


def test_items_of_unknown_patients_are_counted() -> None:
    report = check_leakage(plain("siim", [1, 2], [None, None]), plain("siim", [3, 4], ["a", None]))
    assert not report
    assert report.unknown_patients == (2, 1)
    assert str(report).splitlines()[1] == "The patient is unknown for 2 items of train and 1 of test."


def test_strangers_are_compared_too() -> None:
    assert check_leakage(Stranger(), Stranger(rows=3)).found() == ["images", "patients"]


def test_patients_of_images_without_a_collection_are_compared() -> None:
    train, test = Stranger(), Stranger(rows=3)
    test.csv["source_uid"] = ["t0", "t1", "t2"]
    assert check_leakage(train, test).patients["patient"].tolist() == ["/s0", "/s1"]


# -- by fact


def test_every_overlap_that_a_spec_tells_is_among_the_facts() -> None:
    for name in xrv_core.list_datasets():
        for other in xrv_core.describe_dataset(name).overlaps:
            one, two = collection_of(name), collection_of(other)
            assert one == two or between(one, two) is not None, (name, other)


def test_collections_that_are_known_to_overlap() -> None:
    report = check_leakage(plain("nih", [1, 2]), plain("rsna", [3, 4]))
    assert report.found() == ["collections"]
    assert str(report).splitlines()[1] == (
        "nih and rsna: all images of RSNA are images of NIH under other names (Shih et al. 2019, "
        "doi:10.1148/ryai.2019180041). To find them: pass id_map=..., or open rsna with mapping=...."
    )
    assert not check_leakage(plain("nih", [1, 2]), plain("padchest", [3, 4]))


def test_what_a_strangers_spec_says() -> None:
    report = check_leakage(plain("nih", [1, 2]), plain("mine", [3, 4], overlaps=["nih"]))
    assert [str(overlap) for overlap in report.collections] == [
        "mine and nih: the spec of mine names nih as overlapping"
    ]


@pytest.mark.parametrize(
    ("trained", "name", "split_of_test", "found"),
    [
        ("nih", "nih", None, ["the model was trained on images of this collection"]),
        ("nih", "nih-google", None, ["the model was trained on images of this collection"]),
        ("rsna", "nih", None, ["all images of RSNA are images of NIH under other names"]),
        ("chexpert", "chexlocalize", None, []),
        ("chexpert", "chexpert", None, ["the model was trained on images of this collection"]),
        ("phantom:train", "phantom", "test", []),
        ("phantom:train", "phantom", "train", ["the model was trained on images of this collection"]),
        ("phantom:train", "phantom", None, ["the model was trained on images of this collection"]),
        ("phantom", "phantom", "test", ["the model was trained on images of this collection"]),
        ("padchest", "nih", None, []),
    ],
)
def test_training_data_against_a_test_set(trained: str, name: str, split_of_test: str | None, found: list[str]) -> None:
    d = plain(name, [1, 2])
    d.split = split_of_test  # type: ignore[attr-defined]
    assert [
        overlap.reason for overlap in training_overlaps([trained], d.subset([0]).merge(Stranger(), pathologies="union"))
    ] == found


# -- by a table


def test_a_table_of_names_links_images_and_patients(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_text("patientId,cxr_match\nr1,00000001_000.png\nr2,00000002_001.png\nr3,\n")
    id_map = read_id_map(file, ("rsna", "patientId"), ("nih", "cxr_match"), patient_pattern=r"0*(\d+)_")
    assert id_map.to_dict("split")["data"] == [
        ["rsna:r1", "nih:00000001_000", "1"],
        ["rsna:r2", "nih:00000002_001", "2"],
    ]
    train = toy("x").subset([0, 1])
    train.csv[["patientid", "source_uid"]] = [["1", "nih:00000001_000"], ["2", "nih:00000002_000"]]
    test = toy("x").subset([0, 1, 2])
    test.csv[["patientid", "source_uid"]] = [[None, "rsna:r1"], [None, "rsna:r2"], [None, "rsna:r9"]]
    report = check_leakage(train, test, id_map=id_map)
    assert report.images["source_uid"].tolist() == ["nih:00000001_000"]
    assert report.patients["patient"].tolist() == ["nih/1", "nih/2"], "another image of the patient"
    assert report.found() == ["images", "patients", "collections"], "r9 is not in the table"
    assert check_leakage(train, test.subset([0, 1]), id_map=id_map).found() == ["images", "patients"]


def test_tables_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=says("id_map", "source_uid and same_as", "lacks 'same_as'")):
        check_leakage(toy("a"), toy("b"), id_map=pd.DataFrame({"source_uid": ["a:1"]}))
    file = tmp_path / "map.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(MissingColumns, match=re.escape(f"{file}: 'rsna' needs the missing column 'patientId'")):
        read_id_map(file, ("rsna", "patientId"), ("nih", "b"))


@pytest.mark.realdata
@pytest.mark.parity
def test_the_339_images_that_rsna_and_nih_share_are_found(realdata: Path, xrv_tables: Path) -> None:
    nih = xrv_core.get_dataset("nih", csvpath=realdata / "nih224/Data_Entry_2017_v2020.subset.csv")
    rsna = xrv_core.get_dataset(
        "rsna",
        csvpath=xrv_tables / "kaggle_stage_2_train_labels.csv.zip",
        dicomcsvpath=xrv_tables / "kaggle_stage_2_train_images_dicom_headers.csv.gz",
    )
    id_map = read_id_map(
        realdata / "nih/rsna_patientId_to_nih_all1000.csv",
        ("rsna", "patientId"),
        ("nih", "cxr_match"),
        patient_pattern=r"0*(\d+)_",
    )
    assert check_leakage(nih, rsna).found() == ["collections"], "without the table nobody can tell which"
    report = check_leakage(nih, rsna, id_map=id_map)
    assert len(report.images) == 339
    assert report.found() == ["images", "patients", "collections"]


# -- by pixels


def test_copies_are_found_by_their_pixels() -> None:
    pytest.importorskip("imagehash")
    train, test = plain("a", [1, 2, 3, 4]), plain("b", [7, 3, 8, 1])
    test.transform = lambda x: torch.nn.functional.interpolate(x[None] * 0.9, size=48, mode="bilinear")[0]
    report = check_leakage(train, test, near_duplicates=True)
    assert sorted(map(tuple, report.near_duplicates[["train", "test"]].to_numpy().tolist())) == [(0, 3), (2, 1)]
    assert report.near_duplicates["distance"].max() <= 0.05
    assert report.found() == ["near_duplicates"]
    assert str(report).splitlines()[1] == "2 pairs of images look alike."


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    with pytest.raises(MissingDependency) as caught:
        check_leakage(plain("a", [1, 2]), plain("b", [3, 4]), near_duplicates=True)
    assert "pip install imagehash" in str(caught.value)


@pytest.mark.realdata
def test_real_images_are_found_again_among_their_thumbnails(realdata: Path) -> None:
    pytest.importorskip("imagehash")
    table = "Data_Entry_2017_v2020.subset.csv"
    full = xrv_core.get_dataset("nih", realdata / "nih/images", realdata / "nih" / table).subset(range(40))
    small = xrv_core.get_dataset("nih", realdata / "nih224/images", realdata / "nih224" / table)
    small = small.filter(query=lambda csv: csv.index < 300).merge(
        small.filter(query=lambda csv: csv["source_uid"].isin(full.csv["source_uid"]))
    )
    pairs = check_leakage(full, small, near_duplicates=True).near_duplicates
    names = [
        (full.csv["source_uid"].iloc[a], small.csv["source_uid"].iloc[b])
        for a, b in pairs[["train", "test"]].to_numpy()
    ]
    assert {a for a, b in names if a == b} == set(full.csv["source_uid"]), "every copy is found"
    assert sum(a != b for a, b in names) == 0, "and nothing else is"
