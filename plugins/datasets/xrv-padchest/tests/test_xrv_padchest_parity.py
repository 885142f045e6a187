"""The real table, and torchxrayvision 1.5.7 beside us."""

from __future__ import annotations

import ast
import hashlib
import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrv_core as xrv
from xrv_core.assets import asset_path
from xrv_padchest.plugin import PADCHEST
from xrv_padchest.terms import terms

pytestmark = pytest.mark.parity
# Positives of torchxrayvision on its 158,616 images, ours, and how many images were lost and gained: see README.md.
# The positives of the other 17 labels are the same.
CHANGED = {
    "Aortic Elongation": (11_780, 12_165, 0, 385),
    "Effusion": (9_984, 9_979, 39, 34),
    "Emphysema": (1_738, 1_535, 203, 0),
    "Fibrosis": (1_227, 1_632, 0, 405),
    "Fracture": (4_622, 1_792, 2_830, 0),
    "Hilar Enlargement": (7_346, 6_722, 624, 0),
    "Infiltration": (19_931, 20_006, 0, 75),
    "Mass": (1_487, 1_081, 406, 0),
    "Nodule": (6_226, 4_067, 2_159, 0),
    "Support Devices": (3_608, 12_948, 0, 9_340),
    "Tuberculosis": (1_306, 301, 1_005, 0),
}
# What share of torchxrayvision's positives comes only from terms that mean something else.
LOST = {"Nodule": 0.347, "Fracture": 0.612, "Mass": 0.273, "Emphysema": 0.117}


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


@pytest.fixture(scope="module")
def csvpath(xrv_tables: Path) -> Path:
    return xrv_tables / PADCHEST.tables[0].name.rpartition("/")[2]


@pytest.fixture(scope="module")
def strict(csvpath: Path) -> Any:
    return xrv.get_dataset("padchest", csvpath=csvpath)


@pytest.fixture(scope="module")
def loose(csvpath: Path) -> Any:
    return xrv.get_dataset("padchest", csvpath=csvpath, labels="torchxrayvision")


def rows_of(dataset: Any, other: Any) -> list[int]:
    """The row of ``other`` for each of ``dataset``, by image."""
    position = {name: i for i, name in enumerate(other.csv["ImageID"])}
    return [position[name] for name in dataset.csv["ImageID"]]


def test_the_asset_is_the_packaged_table_and_is_opened_without_csvpath(csvpath: Path) -> None:
    asset = PADCHEST.tables[0]
    data = csvpath.read_bytes()
    assert (asset.sha256, asset.size) == (hashlib.sha256(data).hexdigest(), len(data))
    asset_path(asset).parent.mkdir(parents=True)
    shutil.copy(csvpath, asset_path(asset))
    assert len(xrv.get_dataset("padchest", views="EXCLUDE")) == 11


def test_counts(strict: Any, loose: Any) -> None:
    assert (len(strict), strict.csv["patientid"].nunique()) == (PADCHEST.images, PADCHEST.patients)
    views = strict.csv["view"].value_counts().to_dict()
    assert views == {
        **{"PA": 91_713, "L": 49_576, "AP Supine": 14_345, "AP": 4_557},
        **{"COSTAL": 630, "EXCLUDE": 11, "UNKNOWN": 8},
    }
    assert tuple(strict.views) == PADCHEST.views
    assert views["PA"] + views["AP Supine"] + views["AP"] == PADCHEST.images_frontal
    assert len(loose) == 158_616, "158,626 in Table 1, when fewer broken files were known"
    assert int(loose.csv["view"].isin(["PA", "AP"]).sum()) == 94_815
    assert int(loose.csv["view"].isin(["PA", "AP", "AP Supine"]).sum()) == 108_722 - 10


def test_every_term_of_the_table_is_listed_and_none_is_in_vain(strict: Any) -> None:
    there = {term.strip() for cell in strict.csv["Labels"].dropna().unique() for term in ast.literal_eval(cell)}
    assert there == {*terms().telling, *terms().silent}


def test_torchxrayvisions_labels_are_theirs(loose: Any, reference: Any) -> None:
    theirs = reference.PC_Dataset("/", views=["*"], unique_patients=False)
    assert loose.pathologies == [str(name) for name in theirs.pathologies]
    assert len(loose) == len(theirs)
    rows = rows_of(loose, theirs)
    np.testing.assert_array_equal(loose.labels, theirs.labels[rows])
    assert loose.csv["patientid"].tolist() == theirs.csv["patientid"].iloc[rows].tolist()
    same_view = loose.csv["view"].to_numpy() == theirs.csv["view"].iloc[rows].to_numpy()
    assert set(theirs.csv["view"].iloc[rows][~same_view]) == {"UNK"}


def test_strict_labels_are_the_listed_terms_one_by_one(strict: Any) -> None:
    """Against the plainest code that could do it, on every 37th row."""
    of_label = terms().of_label
    for i in range(0, len(strict), 37):
        cell = strict.csv["Labels"].iloc[i]
        there = set() if not isinstance(cell, str) else {term.strip() for term in ast.literal_eval(cell)}
        expected = [float(bool(there & set(of_label[name]))) for name in strict.pathologies]
        if there <= set(terms().silent):
            expected = [np.nan] * len(expected)
        np.testing.assert_array_equal(strict.labels[i], expected)


def test_rows_that_tell_nothing_are_unknown(strict: Any, loose: Any) -> None:
    silent = np.isnan(strict.labels)
    assert int(silent.any(axis=1).sum()) == int(silent.all(axis=1).sum()) == 6_301
    cells = strict.csv["Labels"][silent.all(axis=1)]
    alone = Counter(frozenset(term.strip() for term in ast.literal_eval(cell)) for cell in cells.dropna())
    assert int(cells.isna().sum()) == 103
    assert {name: alone[frozenset({name})] for name in terms().silent} == {
        **{"": 776, "exclude": 1_284, "suboptimal study": 399, "unchanged": 3_608}
    }
    rows = rows_of(loose, strict)
    assert loose.labels[silent[rows].all(axis=1)].sum() == 0, "theirs are all negative there"


def test_what_the_terms_change(strict: Any, loose: Any) -> None:
    ours = strict.labels[rows_of(loose, strict)] == 1
    theirs = loose.labels == 1
    columns = [ours.sum(0), (theirs & ~ours).sum(0), (ours & ~theirs).sum(0)]
    changes = dict(zip(loose.pathologies, zip(theirs.sum(0), *columns, strict=True), strict=True))
    assert {name: change for name, change in changes.items() if change[2] or change[3]} == CHANGED


def test_the_share_of_positives_that_are_something_else(strict: Any, loose: Any) -> None:
    rows = rows_of(loose, strict)
    for name, share in LOST.items():
        column = loose.pathologies.index(name)
        found, meant = loose.labels[:, column] == 1, strict.labels[rows, column] == 1
        assert round(1 - (found & meant).sum() / found.sum(), 3) == share
        assert not (meant & ~found).any()


def test_ages_are_of_the_study_and_days_of_the_patient(strict: Any, loose: Any, reference: Any) -> None:
    assert int(strict.csv["age_years"].isna().sum()) == 6
    assert (strict.csv["age_years"].min(), strict.csv["age_years"].max()) == (0, 105)
    theirs = reference.PC_Dataset("/", views=["*"], unique_patients=False)
    rows = rows_of(loose, theirs)
    early = theirs.csv["age_years"].iloc[rows].to_numpy() - loose.csv["age_years"].to_numpy()
    assert (round(early.mean(), 1), early.max()) == (4.8, 10.0), "they count to 2017"
    dates = strict.csv["StudyDate_DICOM"].astype(str)
    first = dates.groupby(strict.csv["patientid"]).transform("min")
    for i in range(0, len(strict), 97):
        days = date.fromisoformat(dates[i]) - date.fromisoformat(first[i])
        assert strict.csv["offset_day_int"][i] == days.days
    assert strict.csv.groupby("patientid")["offset_day_int"].min().eq(0).mean() > 0.999


def test_unique_patients_keeps_real_first_images(strict: Any, csvpath: Path) -> None:
    d = xrv.get_dataset("padchest", csvpath=csvpath, views="PA", unique_patients=True)
    everything = strict.csv[strict.csv["view"] == "PA"]
    assert len(d) == everything["patientid"].nunique()
    first = everything.groupby("patientid")["offset_day_int"].min()
    assert (d.csv["offset_day_int"].to_numpy() == first[d.csv["patientid"]].to_numpy()).all()
    np.testing.assert_array_equal(d.labels, strict.labels[rows_of(d, strict)])


def test_torchxrayvision_opens_our_miniature_and_agrees(tmp_path: Path, reference: Any) -> None:
    paths = xrv.miniature("padchest", tmp_path / "mini")
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in paths["imgpath"].rglob("*.png"):
        shutil.copy(path, flat)  # it reads from a single folder only
    ours = xrv.get_dataset("padchest", **paths, labels="torchxrayvision")
    theirs = reference.PC_Dataset(str(flat), str(paths["csvpath"]), views=["*"], unique_patients=False)
    assert len(ours) == len(theirs) == 7
    for i, j in enumerate(rows_of(ours, theirs)):
        np.testing.assert_array_equal(ours.labels[i], theirs.labels[j])
        np.testing.assert_array_equal(ours[i]["img"].numpy(), theirs[j]["img"])
