"""Anybody's table: columns by arguments and by TOML, labels, days, masks."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import says

import xrv_core as xrv
from xrv_core.errors import PathMissing
from xrv_table.plugin import TABLE, xrv_datasets

PLAIN = {
    "image": "file",
    "labels": ["Effusion", "Mass"],
    "patient": "patient",
    "day": "taken",
    "view": "projection",
    "age": "years",
    "sex": "gender",
}
NAN = np.nan


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    paths = xrv.miniature("table", tmp_path / "study")
    del paths["columns"]  # it lies next to the table, where it is found
    return paths


@pytest.fixture
def bare(mini: dict[str, Any]) -> dict[str, Any]:
    """Without table.toml."""
    (mini["csvpath"].parent / "table.toml").unlink()
    return mini


def edit(path: Path, **columns: Any) -> None:
    pd.read_csv(path, dtype=str).assign(**columns).to_csv(path, index=False)


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [TABLE]
    assert xrv.describe_dataset("table") == TABLE


def test_toml_and_arguments_say_the_same(mini: dict[str, Any]) -> None:
    by_toml = xrv.get_dataset("table", **mini)
    (mini["csvpath"].parent / "table.toml").unlink()
    masks = {"Effusion": "effusion_mask", "Lungs": "lung_mask"}
    by_arguments = xrv.get_dataset("table", **mini, **PLAIN, masks=masks)
    np.testing.assert_array_equal(by_toml.labels, by_arguments.labels)
    pd.testing.assert_frame_equal(by_toml.csv, by_arguments.csv)


def test_labels_and_common_columns(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("table", **mini)
    assert d.pathologies == ["Effusion", "Mass"]
    np.testing.assert_array_equal(d.labels, [[1, 0], [1, NAN], [0, 1], [NAN, 0]])
    csv = d.csv
    assert csv["patientid"].tolist() == ["007", "007", "12", "13"]
    assert csv["view"].tolist() == ["PA", "AP", "PA", "L"]
    assert csv["offset_day_int"].tolist() == [0, 14, 0, pd.NA]
    np.testing.assert_array_equal(csv["age_years"], [58, 58, NAN, 71.5])
    assert csv["sex"].fillna("?").tolist() == ["M", "M", "F", "?"]
    assert csv["source_uid"].tolist()[0] == "table:study/labels/a/1.png"
    assert d.why(2, "Mass") == {"Mass": "TRUE"}
    assert xrv.get_dataset("table", **mini, collection="ours").csv["source_uid"][3] == "table:ours/b/4.png"
    assert len(xrv.get_dataset("table", **mini, unique_patients=True, views=["PA", "AP"])) == 2


def test_an_argument_wins_over_toml(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("table", **mini, labels={"Tumour": "Mass"}, masks={})
    assert d.pathologies == ["Tumour"]
    np.testing.assert_array_equal(d.labels, [[0], [NAN], [1], [0]])
    assert d.why(2, "Tumour") == {"Mass": "TRUE"}
    assert not d.csv["has_masks"].any()
    assert xrv.get_dataset("table", **mini, labels="strict").pathologies == ["Effusion", "Mass"]


def test_a_toml_file_elsewhere(mini: dict[str, Any], tmp_path: Path) -> None:
    plain = xrv.get_dataset("table", **mini)
    other = (mini["csvpath"].parent / "table.toml").rename(tmp_path / "other.toml")
    d = xrv.get_dataset("table", **mini, columns=other)
    pd.testing.assert_frame_equal(d.csv, plain.csv)
    other.unlink()
    with pytest.raises(PathMissing, match=says(other, "no such file", "TOML", "card of xrv-table")):
        xrv.get_dataset("table", **mini, columns=other)


def test_days_stay_where_a_first_image_is_missing(mini: dict[str, Any]) -> None:
    (mini["imgpath"] / "a/1.png").unlink()
    d = xrv.get_dataset("table", **mini, on_error="skip")
    assert d.csv["offset_day_int"].tolist() == [14, 0, pd.NA]


def test_no_labels_at_all(bare: dict[str, Any]) -> None:
    d = xrv.get_dataset("table", **bare, image="file", labels=[])
    assert (d.labels.shape, d.totals(), d.views) == ((4, 0), {}, ["UNKNOWN"])
    assert d[0]["lab"].shape == (0,)


def test_findings_in_one_column(bare: dict[str, Any]) -> None:
    edit(bare["csvpath"], told=["Effusion; Mass", "No Finding", "", "pleural fluid;Nodule"])
    given = {"image": "file", "findings": "told", "separator": ";"}
    d = xrv.get_dataset("table", **bare, **given)
    assert d.pathologies == ["Effusion", "Mass", "No Finding", "Nodule", "pleural fluid"]
    np.testing.assert_array_equal(d.labels[:3], [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [NAN] * 5])
    chosen = xrv.get_dataset("table", **bare, **given, labels=["Mass"])
    np.testing.assert_array_equal(chosen.labels, [[1], [0], [NAN], [0]])
    named = xrv.get_dataset("table", **bare, **given, labels={"Fluid": ["Effusion", "pleural fluid"], "Mass": "Mass"})
    np.testing.assert_array_equal(named.labels, [[1, 1], [0, 0], [NAN, NAN], [1, 0]])
    assert named.why(3, "Fluid") == {"told": "pleural fluid;Nodule"}


def test_masks_of_labels_and_of_structures(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("table", **mini, pathology_masks=True, semantic_masks=True)
    assert d.csv["has_masks"].tolist() == [True, True, True, False]
    for i in range(4):
        sample = d[i]
        assert bool(sample["pathology_masks"] or sample["semantic_masks"]) == d.csv["has_masks"][i]
    sample = d[0]
    assert (list(sample["pathology_masks"]), list(sample["semantic_masks"])) == ([0], ["Lungs"])
    mask = sample["pathology_masks"][0]
    assert mask.shape == sample["img"].shape
    assert mask.unique().tolist() == [0.0, 1.0]
    assert mask[0].nonzero().min(dim=0).values.tolist() == [64, 16]
    assert mask[0].nonzero().max(dim=0).values.tolist() == [80, 40]


def test_a_mask_of_zeros_and_ones_and_of_another_size(mini: dict[str, Any]) -> None:
    from PIL import Image

    small = np.zeros((50, 45), np.uint8)
    small[10:20, 5:15] = 1
    Image.fromarray(small).save(mini["imgpath"] / "masks/1-effusion.png")
    Image.new("L", (90, 100)).save(mini["imgpath"] / "masks/2-effusion.png")
    d = xrv.get_dataset("table", **mini, pathology_masks=True)
    mask = d[0]["pathology_masks"][0][0]
    assert torch.equal(mask[20:40, 10:30], torch.ones(20, 20))
    assert mask.sum() == 400
    assert d[1]["pathology_masks"][0].sum() == 0, "a black file is an empty mask"


def test_parquet_gives_what_csv_gives(mini: dict[str, Any]) -> None:
    pytest.importorskip("pyarrow")
    csv = xrv.get_dataset("table", **mini)
    table = pd.read_csv(mini["csvpath"], dtype={"patient": str}, parse_dates=["taken"])
    table["Effusion"] = table["Effusion"].map({"1": 1.0, "yes": 1.0, "0": 0.0})
    table.to_parquet(mini["csvpath"].with_suffix(".parquet"))
    d = xrv.get_dataset("table", mini["imgpath"], mini["csvpath"].with_suffix(".parquet"))
    np.testing.assert_array_equal(d.labels, csv.labels)
    common = ["patientid", "view", "offset_day_int", "age_years", "sex", "has_masks", "source_uid"]
    pd.testing.assert_frame_equal(d.csv[common], csv.csv[common])


def test_other_delimiters_extensions_and_sub_folders(bare: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("id;Mass\n1;yes\n4;no\n", encoding="utf-8-sig")
    d = xrv.get_dataset(
        "table", bare["imgpath"], path, image="id", labels=["Mass"], extension=".png", delimiter=";", anywhere=True
    )
    assert d.csv["source_uid"].str.endswith("/excel/1").tolist() == [True, False]
    plain = xrv.get_dataset("table", **bare, **PLAIN)
    assert torch.equal(d[0]["img"], plain[0]["img"])
    assert torch.equal(d[1]["img"], plain[3]["img"])


def test_a_zip_and_a_pickle(mini: dict[str, Any], tmp_path: Path) -> None:
    plain = xrv.get_dataset("table", **mini, semantic_masks=True)
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for path in mini["imgpath"].rglob("*.png"):
            archive.write(path, path.relative_to(mini["imgpath"]))
    d = xrv.get_dataset("table", **{**mini, "imgpath": tmp_path / "i.zip"}, semantic_masks=True)
    again = pickle.loads(pickle.dumps(d))
    for i in range(4):
        assert torch.equal(again[i]["img"], plain[i]["img"])
    assert torch.equal(again[2]["semantic_masks"]["Lungs"], plain[2]["semantic_masks"]["Lungs"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([(1, "1"), (1, "TRUE"), (1, "Yes "), (0, "0.0"), (0, "no"), (NAN, ""), (NAN, " ")])))
def test_every_spelling_of_a_label(bare: dict[str, Any], cells: list[tuple[float, str]]) -> None:
    cells = [*cells, (1, "1")]
    path = bare["csvpath"].with_name("spelt.csv")
    pd.DataFrame({"f": [f"{i}.png" for i in range(len(cells))], "x": [text for _, text in cells]}).to_csv(path)
    d = xrv.get_dataset("table", csvpath=path, image="f", labels=["x"])
    np.testing.assert_array_equal(d.labels[:, 0], [value for value, _ in cells])


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["2020-01-31", "20200214", "2019-12-01T10:00:00", ""], [0, 14, 0, pd.NA]),
        (["-3", "4.7", "", "0"], [-3, 4, pd.NA, 0]),
    ],
)
def test_days(bare: dict[str, Any], cells: list[str], days: list[Any]) -> None:
    edit(bare["csvpath"], taken=cells)
    assert xrv.get_dataset("table", **bare, **PLAIN).csv["offset_day_int"].tolist() == days


def test_days_without_patients_count_from_the_first_of_the_table(bare: dict[str, Any]) -> None:
    d = xrv.get_dataset("table", **bare, **{**PLAIN, "patient": None})
    assert d.csv["offset_day_int"].tolist() == [61, 75, 0, pd.NA]
    assert d.csv["patientid"].isna().all()
