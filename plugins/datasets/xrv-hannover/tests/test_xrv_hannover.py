"""The Hannover repository: labels, days, files, and all its 243 real images."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.errors import ImageMissing, MissingColumns
from xrv_hannover.plugin import HANNOVER, xrv_datasets


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("hannover", tmp_path / "mini")


@pytest.fixture
def real(realdata: Path) -> dict[str, Any]:
    return {"imgpath": realdata / "hannover/png", "csvpath": realdata / "hannover/data.csv"}


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [HANNOVER]
    assert xrv.describe_dataset("hannover") == HANNOVER


def test_labels_are_outcomes(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("hannover", **mini)
    assert d.pathologies == ["COVID-19", "ICU Admission", "Death"]
    np.testing.assert_array_equal(d.labels, [[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 0, 0]])
    assert d.why(3, "ICU Admission") == {"icu_admission_offset": 2.0}
    assert np.isnan(d.why(0, "Death")["death_offset"])
    assert d.why(0, "COVID-19") == {"readme.md": "a data set of COVID-19 cases"}


def test_common_columns(mini: dict[str, Any]) -> None:
    csv = xrv.get_dataset("hannover", **mini).csv
    assert csv["patientid"].tolist() == ["toy00001", *["toy00002"] * 2, *["toy00003"] * 2, "toy00004"]
    assert csv["view"].tolist() == ["PA", "AP", "AP", "PA", "AP", "AP"]
    assert csv["offset_day_int"].tolist() == [0, 5, 2, 9, 16, -3], "days since admission"
    assert csv["sex"].tolist() == ["F", "M", "M", "M", "M", "F"]
    assert csv["age_years"].isna().all()
    assert csv["source_uid"][0] == "hannover:toyimg01"
    assert csv["d-dimer_val"][1] == np.inf


def test_unique_patients_keeps_the_first_image_after_admission(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("hannover", **mini, unique_patients=True)
    assert d.csv["image_id"].tolist() == ["toyimg01", "toyimg03", "toyimg04", "toyimg06"]


def test_a_woman_may_be_w_and_ids_stay_text(mini: dict[str, Any]) -> None:
    table = pd.read_csv(mini["csvpath"], dtype=str)
    table.loc[0, "sex"] = "w"
    table["patient_id"] = ["00000012", "12e45678", *table["patient_id"][2:]]
    table.to_csv(mini["csvpath"], index=False)
    csv = xrv.get_dataset("hannover", **mini).csv
    assert (csv["sex"][0], *csv["patientid"][:2]) == ("F", "00000012", "12e45678")


def test_the_repository_as_githubs_zip_is_read_in_place(mini: dict[str, Any], tmp_path: Path) -> None:
    plain = xrv.get_dataset("hannover", **mini)
    with zipfile.ZipFile(tmp_path / "repository.zip", "w") as archive:
        archive.write(mini["csvpath"], "covid-19-image-repository-master/data.csv")
        for path in mini["imgpath"].iterdir():
            archive.write(path, f"covid-19-image-repository-master/png/{path.name}")
    d = xrv.get_dataset("hannover", **{**mini, "imgpath": tmp_path / "repository.zip"})
    assert all(torch.equal(d[i]["img"], plain[i]["img"]) for i in range(6))


def test_wrong_tables_and_missing_images(mini: dict[str, Any]) -> None:
    (mini["imgpath"] / "toyimg02.png").unlink()
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"], "1 of the 6 images", mini["csvpath"], "'toyimg02.png'", "imgpath", 'on_error="skip"'
        ),
    ):
        xrv.get_dataset("hannover", **mini)
    mini["csvpath"].write_text("patient_id,image_id,sex,age,projection\na,b,m,,ap\n")
    with pytest.raises(
        MissingColumns,
        match=says(
            mini["csvpath"],
            "'hannover'",
            "missing columns 'admission_offset', 'icu_admission_offset', 'death_offset'",
            "'patient_id', 'image_id'",
            "data.csv",
        ),
    ):
        xrv.get_dataset("hannover", **mini)


# -- the real one


@pytest.mark.realdata
def test_the_asset_is_the_real_table(real: dict[str, Any]) -> None:
    (asset,) = HANNOVER.tables
    data = real["csvpath"].read_bytes()
    assert (asset.sha256, asset.size) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.realdata
def test_counts_of_the_real_table(real: dict[str, Any]) -> None:
    d = xrv.get_dataset("hannover", **real)
    assert (len(d), d.csv["patientid"].nunique(), tuple(d.views)) == (
        HANNOVER.images,
        HANNOVER.patients,
        HANNOVER.views,
    )
    assert d.totals() == {
        "COVID-19": {1.0: 243},
        "ICU Admission": {0.0: 57, 1.0: 186},
        "Death": {0.0: 195, 1.0: 48},
    }
    assert d.csv["view"].value_counts().to_dict() == {"AP": 194, "PA": 49}
    assert d.csv["sex"].value_counts().to_dict() == {"M": 180, "F": 63}
    assert (d.csv["offset_day_int"].min(), d.csv["offset_day_int"].max()) == (-23, 61)
    first = xrv.get_dataset("hannover", **real, unique_patients=True)
    assert len(first) == 71
    earliest = d.csv.groupby("patientid")["offset_day_int"].min()
    assert first.csv.set_index("patientid")["offset_day_int"].eq(earliest).all()
    blank = d.csv[d.labels[:, 1] == 0]
    assert (blank["view"] == "PA").sum() == 42, "the card's argument that a blank day means no ICU"


@pytest.mark.realdata
def test_every_real_image_can_be_read(real: dict[str, Any]) -> None:
    d = xrv.get_dataset("hannover", **real)
    loader = torch.utils.data.DataLoader(d, batch_size=None, num_workers=2)
    for sample in loader:
        img = sample["img"]
        assert (img.dtype, img.shape[0]) == (torch.float32, 1)
        assert min(img.shape[1:]) > 300
        assert img.min() >= -1024
        assert img.max() <= 1024
        assert img.std() > 100, "not an empty picture"
