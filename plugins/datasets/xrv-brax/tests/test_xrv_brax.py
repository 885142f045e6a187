"""BRAX: labels, age groups, strips, folders. The real table is credentialed: all rows are made up."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_brax.plugin import BRAX, xrv_datasets
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, TableError

NAN = float("nan")


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("brax", tmp_path / "mini")


def known(d: Any, row: int) -> dict[str, float]:
    return {n: float(v) for n, v in zip(d.pathologies, d.labels[row], strict=True) if not np.isnan(v)}


def edit(path: Path, **columns: Any) -> None:
    table = pd.read_csv(path, index_col=0, dtype=str)
    for name, values in columns.items():
        table[name] = values
    table.to_csv(path)


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [BRAX]
    assert xrv.describe_dataset("brax") == BRAX


def test_labels(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("brax", **mini)
    assert set(known(d, 0).values()) == {0.0}
    assert "Support Devices" not in known(d, 0)
    assert known(d, 2) == {"Cardiomegaly": 1, "Effusion": 1, "Support Devices": 1}
    assert known(d, 3)["Support Devices"] == 1, "No Finding is not about devices"
    assert known(d, 4) == {"Lung Lesion": 1, "Fracture": 0, "Pleural Other": 1}
    assert known(xrv.get_dataset("brax", **mini, uncertain="one"), 4)["Pneumonia"] == 1


def test_common_columns(mini: dict[str, Any]) -> None:
    csv = xrv.get_dataset("brax", **mini).csv
    assert csv["patientid"].tolist() == ["toy-a", "toy-a", "toy-b", "toy-b", "toy-c"]
    assert csv["view"].tolist() == ["PA", "LL", "AP", "UNKNOWN", "PA"]
    assert csv["age_years"].tolist() == [40, 40, 85, 85, 15]
    assert csv["sex"].fillna("?").tolist() == ["F", "F", "M", "M", "?"]
    assert csv["offset_day_int"].isna().all(), "the dates are fictitious"
    assert csv["source_uid"][1] == "brax:id_toy-a/Study_1.9/Series_1.9.1/image-1.9.1.1"


def test_an_age_that_is_no_number_is_unknown(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], PatientAge=["40", "", "85 or more", "abc", "0", "15"])
    ages = xrv.get_dataset("brax", **mini).csv["age_years"]
    np.testing.assert_array_equal(ages, [40, NAN, 85, NAN, 0])


@pytest.mark.parametrize(("limit", "images"), [(None, 6), (12, 6), (10, 5), (1.1, 1)])
def test_strips_are_left_out(mini: dict[str, Any], limit: float | None, images: int) -> None:
    d = xrv.get_dataset("brax", **mini, max_aspect_ratio=limit)
    assert len(d) == images
    shapes = [d[i]["img"].shape[1:] for i in range(images)]
    assert all(max(shape) / min(shape) <= (limit or 12) for shape in shapes)


def test_an_image_of_unknown_size_is_kept(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], Rows="")
    assert len(xrv.get_dataset("brax", **mini)) == 6


@pytest.mark.parametrize(
    "dates",
    [
        ["20130105", "20130105", "20121231", "20120408", "20140707", "20140707"],
        [f"1970-01-01 00:00:00.0{day}" for day in (20130105, 20130105, 20121231, 20120408, 20140707, 20140707)],
    ],
)
def test_unique_patients_keeps_the_first_by_the_fictitious_date(mini: dict[str, Any], dates: list[str]) -> None:
    edit(mini["csvpath"], StudyDate=dates)
    d = xrv.get_dataset("brax", **mini, unique_patients=True)
    assert d.csv["source_uid"].str[-1].tolist() == ["0", "3", "4"]
    table = pd.read_csv(mini["csvpath"], index_col=0).drop(columns="StudyDate")
    table.to_csv(mini["csvpath"])
    d = xrv.get_dataset("brax", **mini, unique_patients=True)
    assert d.csv["source_uid"].str[-1].tolist() == ["0", "2", "4"], "without dates, by name"


@pytest.mark.parametrize("place", ["mini", "mini/images", "i.zip"])
def test_imgpath_is_images_or_the_folder_above_or_an_archive(mini: dict[str, Any], tmp_path: Path, place: str) -> None:
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for path in sorted(mini["imgpath"].rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "mini"))
    plain = xrv.get_dataset("brax", **mini)
    d = xrv.get_dataset("brax", tmp_path / place, mini["csvpath"])
    assert all(torch.equal(d[i]["img"], plain[i]["img"]) for i in range(5))


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("brax", **mini)
    loader = torch.utils.data.DataLoader(d, num_workers=2, multiprocessing_context="fork")
    assert all(torch.equal(batch["img"][0], d[i]["img"]) for i, batch in enumerate(loader))
    assert torch.equal(pickle.loads(pickle.dumps(d))[0]["img"], d[0]["img"])


def test_bad_input(mini: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=r"max_aspect_ratio=0.5 .*1 or more"):
        xrv.get_dataset("brax", **mini, max_aspect_ratio=0.5)
    with pytest.raises(ArgumentError, match=says("'brax'", "csvpath=", BRAX.obtain)):
        xrv.get_dataset("brax", mini["imgpath"])
    gone = next(mini["imgpath"].rglob("*.2.png"))
    gone.unlink()
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"],
            "1 of the 5 images",
            mini["csvpath"],
            f"'{gone.relative_to(mini['imgpath'])}'",
            "imgpath",
            'on_error="skip"',
        ),
    ):
        xrv.get_dataset("brax", **mini)
    edit(mini["csvpath"], Edema="maybe")
    with pytest.raises(
        TableError, match=says(mini["csvpath"], "5 of 5 cells of 'Edema'", "1, 0, -1 or blank", "'maybe'")
    ):
        xrv.get_dataset("brax", csvpath=mini["csvpath"])
    mini["csvpath"].write_text(mini["csvpath"].read_text().replace("PngPath", "Path"))
    with pytest.raises(MissingColumns, match=r"^.*: 'brax' needs the missing column 'PngPath'; the table has "):
        xrv.get_dataset("brax", **mini)


@pytest.mark.parity
@pytest.mark.parametrize("limit", [10, None])
def test_torchxrayvision_opens_our_miniature_and_agrees(
    mini: dict[str, Any], monkeypatch: pytest.MonkeyPatch, limit: float | None
) -> None:
    reference = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    theirs = reference.BRAX_Dataset(**mini, views=["*"], unique_patients=False, max_aspect_ratio=limit)
    d = xrv.get_dataset("brax", **mini, labels="torchxrayvision", max_aspect_ratio=limit)
    assert d.pathologies == [str(name) for name in theirs.pathologies]
    np.testing.assert_array_equal(d.labels, theirs.labels)
    assert d.csv["age_years"].tolist() == theirs.csv["age_years"].tolist()
    assert d.csv["patientid"].tolist() == theirs.csv["patientid"].tolist()
    assert d.csv["view"].tolist() == theirs.csv["view"].tolist()
    for i in range(len(d)):
        np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[i]["img"])
