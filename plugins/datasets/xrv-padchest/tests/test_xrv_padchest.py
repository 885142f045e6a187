"""PadChest: terms, labels, days, ages, 16-bit images."""

from __future__ import annotations

import csv
import pickle
import shutil
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, TableError
from xrv_padchest.plugin import PADCHEST, xrv_datasets
from xrv_padchest.terms import broken_files, substrings, terms

NAN = float("nan")


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("padchest", tmp_path / "mini")


def positive(d: Any) -> list[list[str]]:
    return [[n for n, v in zip(d.pathologies, row, strict=True) if v == 1] for row in d.labels]


# -- terms.csv


@pytest.fixture(scope="module")
def lines() -> list[dict[str, str]]:
    return list(csv.DictReader((files("xrv_padchest") / "terms.csv").read_text(encoding="utf-8").splitlines()))


def test_every_term_has_labels_or_a_reason_and_is_there_once(lines: list[dict[str, str]]) -> None:
    names = [line["term"] for line in lines]
    assert len(names) == len(set(names)) == 194
    assert names == sorted(names, key=str.lower)
    for line in lines:
        assert bool(line["why not"]) != bool(line["labels"] and line["labels"] != "(unknown)"), line
    used = {label for line in lines for label in line["labels"].split("|")} - {"", "(unknown)"}
    assert used == set(PADCHEST.pathologies)


def test_a_label_takes_its_term_with_all_kinds_of_it_but_for_what_says_why_not(lines: list[dict[str, str]]) -> None:
    """The authors' advice: to search for a term, search for its children in their tree, too."""
    line_of = {line["term"]: line for line in lines}
    for line in lines:
        for parent in filter(None, line["kind of"].split("|")):
            lost = set(line_of[parent]["labels"].split("|")) - set(line["labels"].split("|")) - {""}
            assert not lost or line["why not"].startswith("not "), (line["term"], lost)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Consolidation", {"consolidation", "air bronchogram"}),
        ("Emphysema", {"emphysema"}),
        ("Fracture", {"fracture", "clavicle fracture", "humeral fracture", "rib fracture", "vertebral fracture"}),
        ("Mass", {"mass", "pulmonary mass"}),
        ("Nodule", {"nodule", "multiple nodules"}),
        ("Pneumothorax", {"pneumothorax", "hydropneumothorax"}),
        ("Tuberculosis", {"tuberculosis"}),
    ],
)
def test_the_terms_of_a_label(label: str, expected: set[str]) -> None:
    assert set(terms().of_label[label]) == expected


def test_a_device_that_is_a_tube_is_a_support_device() -> None:
    assert set(terms().of_label["Tube"]) < set(terms().of_label["Support Devices"])
    assert {"dai", "pacemaker", "reservoir central venous catheter"} <= set(terms().of_label["Support Devices"])


# -- the miniature


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [PADCHEST]
    assert xrv.describe_dataset("padchest") == PADCHEST


def test_labels_are_of_whole_terms(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("padchest", **mini)
    assert positive(d)[:6] == [
        [],
        [],
        ["Fibrosis", "Infiltration"],
        ["Support Devices", "Tube"],
        ["Cardiomegaly"],
        ["Effusion", "Fracture", "Pneumothorax"],
    ]
    silent = np.isnan(d.labels)
    assert silent.any(axis=1).tolist() == silent.all(axis=1).tolist() == [False] * 6 + [True, False, True, True]


def test_common_columns(mini: dict[str, Any]) -> None:
    table = xrv.get_dataset("padchest", **mini).csv
    patients = ["1", "1", "2", "2", "3", "3", "3", "4", "5", "6"]
    assert table["patientid"].tolist() == ["90000000000000000000000000000000000000" + p for p in patients]
    views = ["PA", "L", "PA", "AP Supine", "PA", "COSTAL", "PA", "AP", "UNKNOWN", "PA"]
    assert table["view"].tolist() == views
    assert table["offset_day_int"].tolist() == [0, 0, 0, 17, 0, 0, 365, 0, 0, 0]
    np.testing.assert_array_equal(table["age_years"], [84, 84, 86, 86, 50, 50, 51, 2, NAN, 62])
    assert table["sex"].fillna("?").tolist() == ["F", "F", "M", "M", "M", "M", "M", "F", "?", "F"]
    assert table["source_uid"][0] == "padchest:900000000000000000000000000000000000001_a"


def test_days_count_from_the_first_study_even_if_it_is_filtered_away(mini: dict[str, Any]) -> None:
    assert xrv.get_dataset("padchest", **mini, views="AP Supine").csv["offset_day_int"].tolist() == [17]
    d = xrv.get_dataset("padchest", **mini, unique_patients=True, views="PA")
    assert d.csv["offset_day_int"].tolist() == [0, 0, 0, 0]


def test_why_gives_the_cell_and_the_terms_that_mean_the_label(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("padchest", **mini)
    assert d.why(3, "Support Devices")["terms"] == ["endotracheal tube", "central venous catheter via jugular vein"]
    assert d.why(2, "Nodule")["terms"] == []
    assert "pseudonodule" in d.why(2, "Nodule")["Labels"]
    assert d.why(9, "Nodule")["terms"] == []
    loose = xrv.get_dataset("padchest", **mini, labels="torchxrayvision")
    assert loose.why(2, "Nodule")["terms"] == ["pseudonodule"]
    assert loose.why(3, "Tube")["terms"] == ["endotracheal tube"]
    assert [bool(loose.why(i, n)["terms"]) for i in range(len(loose)) for n in loose.pathologies] == [
        value == 1 for row in loose.labels for value in row
    ]


def test_pixels_are_scaled_from_16_bits(mini: dict[str, Any]) -> None:
    image = xrv.get_dataset("padchest", **mini)[0]["img"]
    assert image.shape == (1, 96, 80)
    assert image[0, 0, 0].item() == pytest.approx(300 / 65535 * 2048 - 1024, abs=1e-3)
    assert image.max().item() == pytest.approx(60_000 / 65535 * 2048 - 1024, abs=1e-3)


def test_folders_flat_and_zip_give_equal_items(mini: dict[str, Any], tmp_path: Path) -> None:
    official = xrv.get_dataset("padchest", **mini)
    (tmp_path / "flat").mkdir()
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for path in sorted(mini["imgpath"].rglob("*.png")):
            shutil.copy(path, tmp_path / "flat")
            archive.write(path, f"padchest/{path.parent.name}/{path.name}")
    for root in ("flat", "i.zip"):
        d = xrv.get_dataset("padchest", tmp_path / root, mini["csvpath"])
        assert all(torch.equal(d[i]["img"], official[i]["img"]) for i in range(10))


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("padchest", **mini)
    loader = torch.utils.data.DataLoader(d, batch_size=5, num_workers=2, multiprocessing_context="fork")
    assert torch.equal(torch.cat([b["img"] for b in loader]), torch.stack([d[i]["img"] for i in range(10)]))
    assert torch.equal(pickle.loads(pickle.dumps(d))[0]["img"], d[0]["img"])


# -- bad input


def test_broken_files_are_left_out_and_others_must_be_there(mini: dict[str, Any]) -> None:
    assert len(broken_files()) == 21
    d = xrv.get_dataset("padchest", **mini)
    assert not set(d.csv["ImageID"]) & broken_files()
    gone = next(mini["imgpath"].rglob("*6_a.png"))
    gone.unlink()
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"], "1 of the 10 images", mini["csvpath"], repr(gone.name), "imgpath", 'on_error="skip"'
        ),
    ):
        xrv.get_dataset("padchest", **mini)
    assert xrv.get_dataset("padchest", **mini, on_error="skip").skipped == [gone.name]


def test_a_bracket_inside_a_list_is_part_of_a_term(mini: dict[str, Any]) -> None:
    text = mini["csvpath"].read_text()
    assert "['pneumonia', " in text
    mini["csvpath"].write_text(text.replace("['pneumonia', ", "['pneumonia'], "))
    with pytest.raises(TableError, match=r"'pneumonia\]' in 'Labels' is not in terms.csv"):
        xrv.get_dataset("padchest", **mini)


def test_wrong_tables(mini: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=says("'padchest'", "no pathology masks", "leave pathology_masks out")):
        xrv.get_dataset("padchest", **mini, pathology_masks=True)
    text = mini["csvpath"].read_text()
    mini["csvpath"].write_text(text.replace("'pneumonia'", "'COVID 19'"))
    with pytest.raises(TableError, match=r"'COVID 19' in 'Labels' is not in terms.csv.*labels=\"torchxrayvision\""):
        xrv.get_dataset("padchest", **mini)
    assert len(xrv.get_dataset("padchest", **mini, labels="torchxrayvision")) == 7
    mini["csvpath"].write_text(text.replace("Projection,", "View,"))
    with pytest.raises(MissingColumns, match=r"^.*: 'padchest' needs the missing column 'Projection'; the table has "):
        xrv.get_dataset("padchest", **mini)


def test_a_term_may_be_part_of_another_only_for_torchxrayvision() -> None:
    assert substrings("Tube") == ["tube'", "stent'"]
    assert substrings("Nodule") == ["nodule"]
    cell = pd.Series(["['pseudonodule', 'tuberculosis']"])
    from xrv_core.datasets import substring_labels

    np.testing.assert_array_equal(substring_labels(cell, {n: substrings(n) for n in ("Nodule", "Tube")}), [[1, 0]])
