"""The Stony Brook RALO scores: two readers, rows and images that stay together."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, TableError
from xrv_ralo.plugin import RALO, xrv_datasets


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("ralo", tmp_path / "mini")


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [RALO]
    assert xrv.describe_dataset("ralo") == RALO


def test_labels_are_the_mean_of_two_readers(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("ralo", **mini)
    nan = np.nan
    np.testing.assert_array_equal(d.labels, [[0, 0], [6.5, 5], [2.5, 2], [1.5, 2], [nan, nan]])
    assert d.totals()["Geographic Extent"] == {0.0: 1, 1.5: 1, 2.5: 1, 6.5: 1}
    assert d.why(1, "Geographic Extent") == {"Total GEOGRAPHIC": 7, "Total GEOGRAPHIC.1": 6}
    both = ["Right GEOGRAPHIC", "Left OPACITY", "Right GEOGRAPHIC.1", "Left OPACITY.1"]
    assert d.csv.loc[1, both].tolist() == [3, 3, 2, 3], "both readers are kept"


def test_common_columns(mini: dict[str, Any]) -> None:
    csv = xrv.get_dataset("ralo", **mini).csv
    assert csv["patientid"].tolist() == ["toy-1", "toy-2", "toy-2", "toy-2", "toy-3"]
    assert csv["offset_day_int"].tolist() == [0, 3, 0, 0, 0]
    assert csv["view"].unique().tolist() == ["AP"]
    assert csv["source_uid"].tolist() == [f"ralo:{i}" for i in range(5)]
    assert csv[["age_years", "sex"]].isna().all(axis=None)


def test_rows_and_images_stay_together_after_filtering(mini: dict[str, Any]) -> None:
    every = xrv.get_dataset("ralo", **mini, views=["AP"])
    first = xrv.get_dataset("ralo", **mini, unique_patients=True)
    assert first.csv["source_uid"].tolist() == ["ralo:0", "ralo:3", "ralo:4"], "the earliest of toy-2, by the hour"
    np.testing.assert_array_equal(first.labels, every.labels[[0, 3, 4]])
    for i, row in enumerate((0, 3, 4)):
        assert torch.equal(first[i]["img"], every[row]["img"])
    (mini["imgpath"] / "1.jpg").unlink()
    without = xrv.get_dataset("ralo", **mini, on_error="skip")
    np.testing.assert_array_equal(without.labels, every.labels[[0, 2, 3, 4]])
    for i, row in enumerate((0, 2, 3, 4)):
        assert torch.equal(without[i]["img"], every[row]["img"])


def test_a_zip_is_read_in_place(mini: dict[str, Any], tmp_path: Path) -> None:
    plain = xrv.get_dataset("ralo", **mini)
    with zipfile.ZipFile(tmp_path / "ralo.zip", "w") as archive:
        archive.write(mini["csvpath"], "RALO-Dataset/ralo-dataset-metadata.csv")
        for path in mini["imgpath"].iterdir():
            archive.write(path, f"RALO-Dataset/CXR_images_scored/{path.name}")
    d = xrv.get_dataset("ralo", tmp_path / "ralo.zip", mini["csvpath"])
    assert all(torch.equal(d[i]["img"], plain[i]["img"]) for i in range(5))


def test_wrong_tables_and_missing_images(mini: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=says("'ralo'", "csvpath=", RALO.obtain)):
        xrv.get_dataset("ralo", mini["imgpath"])
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("".join(mini["csvpath"].read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(
        MissingColumns,
        match=says(
            wrong,
            "'ralo'",
            "missing columns 'Subject_ID', 'Exam_DateTime', 'Total GEOGRAPHIC', 'Total GEOGRAPHIC.1'",
            "'Total OPACITY', 'Total OPACITY.1'",
            "'toy-1', '20200402_081500'",
            "and 6 more",
            "ralo-dataset-metadata.csv",
        ),
    ):
        xrv.get_dataset("ralo", mini["imgpath"], wrong)
    (mini["imgpath"] / "4.jpg").unlink()
    with pytest.raises(
        ImageMissing,
        match=says(mini["imgpath"], "1 of the 5 images", mini["csvpath"], "'4.jpg'", "imgpath", 'on_error="skip"'),
    ):
        xrv.get_dataset("ralo", **mini)


def test_a_score_that_is_none_is_named(mini: dict[str, Any]) -> None:
    lines = mini["csvpath"].read_text().splitlines()
    cells = lines[3].split(",")
    cells[6] = "high"
    mini["csvpath"].write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    with pytest.raises(TableError, match=says(mini["csvpath"], "line 4", "'Total GEOGRAPHIC'", "'high'", "number")):
        xrv.get_dataset("ralo", **mini)


@pytest.mark.parity
def test_torchxrayvision_opens_our_miniature_and_agrees(mini: dict[str, Any], reference: Any) -> None:
    theirs = reference.StonyBrookCOVID_Dataset(str(mini["imgpath"]), mini["csvpath"])
    for policy in ("strict", "torchxrayvision"):
        d = xrv.get_dataset("ralo", **mini, labels=policy)
        assert d.pathologies == theirs.pathologies
        np.testing.assert_array_equal(d.labels, theirs.labels)
        assert d.csv["patientid"].tolist() == theirs.csv["patientid"].tolist()
        for i in range(5):
            np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[i]["img"])
