"""The real training table, and torchxrayvision 1.5.7 and pycocotools beside us."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xrv_core as xrv
from xrv_chexpert.plugin import CHEXPERT
from xrv_core.assets import asset_path

pytestmark = pytest.mark.parity
TABLE = "chexpert_train.csv.gz"
# What torchxrayvision's notebook prints for the 191,010 frontal images: absent, present. Only Support Devices differ
# in 1.5.7, where No Finding clears them no longer: 5,340 and 107,167.
FRONTAL = {
    "Atelectasis": (17_621, 29_718),
    "Cardiomegaly": (22_645, 23_384),
    "Consolidation": (30_463, 12_982),
    "Edema": (29_449, 49_674),
    "Effusion": (34_376, 76_894),
    "Enlarged Cardiomediastinum": (26_527, 9_186),
    "Fracture": (18_111, 7_434),
    "Lung Lesion": (17_523, 7_040),
    "Lung Opacity": (20_165, 94_207),
    "Pleural Other": (17_166, 2_503),
    "Support Devices": (5_340, 107_167),
}


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


@pytest.fixture(scope="module")
def strict(xrv_tables: Path) -> Any:
    return xrv.get_dataset("chexpert", csvpath=xrv_tables / TABLE)


def test_the_asset_is_the_packaged_table_and_is_opened_without_csvpath(xrv_tables: Path) -> None:
    asset = CHEXPERT.tables[0]
    data = (xrv_tables / TABLE).read_bytes()
    assert (asset.sha256, asset.size) == (hashlib.sha256(data).hexdigest(), len(data))
    asset_path(asset).parent.mkdir(parents=True)
    shutil.copy(xrv_tables / TABLE, asset_path(asset))
    assert len(xrv.get_dataset("chexpert", views="RL")) == 1


def test_counts_are_the_published_ones(strict: Any, xrv_tables: Path) -> None:
    assert (len(strict), strict.csv["patientid"].nunique()) == (CHEXPERT.images, CHEXPERT.patients)
    assert tuple(strict.views) == CHEXPERT.views
    assert strict.csv["view"].value_counts().to_dict() == {"AP": 161_590, "L": 32_387, "PA": 29_420, "LL": 16, "RL": 1}
    frontal = strict.subset(np.flatnonzero(strict.csv["view"].isin(["AP", "PA"])))
    assert len(frontal) == CHEXPERT.images_frontal
    totals = frontal.totals()
    assert {name: (totals[name][0.0], totals[name][1.0]) for name in FRONTAL} == FRONTAL
    assert strict.csv["sex"].value_counts(dropna=False).to_dict() == {"M": 132_636, "F": 90_777, np.nan: 1}
    assert (strict.csv["age_years"].min(), int(strict.csv["age_years"].isna().sum())) == (18, 3)


@pytest.mark.parametrize("policy", ["strict", "torchxrayvision"])
def test_labels_are_theirs(xrv_tables: Path, reference: Any, policy: str) -> None:
    """In this table No Finding never contradicts a cell, so both policies say the same."""
    d = xrv.get_dataset("chexpert", csvpath=xrv_tables / TABLE, labels=policy)
    theirs = reference.CheX_Dataset("/", csvpath=str(xrv_tables / TABLE), views=["*"], unique_patients=False)
    assert d.pathologies == [str(name) for name in theirs.pathologies]
    assert d.csv["Path"].tolist() == theirs.csv["Path"].tolist()
    np.testing.assert_array_equal(d.labels, theirs.labels)
    assert d.csv["view"].tolist() == theirs.csv["view"].tolist()
    assert d.csv["patientid"].tolist() == theirs.csv["patientid"].tolist()


def test_the_choices_move_exactly_the_uncertain_and_blank_cells(strict: Any, xrv_tables: Path) -> None:
    column = strict.pathologies.index("Atelectasis")
    d = xrv.get_dataset("chexpert", csvpath=xrv_tables / TABLE, uncertain="one")
    assert np.sum(d.labels[:, column] == 1) - np.sum(strict.labels[:, column] == 1) == 33_739
    d = xrv.get_dataset("chexpert", csvpath=xrv_tables / TABLE, uncertain="zero", blank="zero")
    assert not np.isnan(d.labels).any()
    assert np.sum(d.labels[:, column] == 1) == 33_376


def test_the_age_never_falls_from_study_to_study(strict: Any) -> None:
    """The reason to take the number of the study for the order in time."""
    csv = strict.csv.dropna(subset="age_years").sort_values(["patientid", "study"])
    step = csv.groupby("patientid")["age_years"].diff()
    assert (int((step > 0).sum()), int((step < 0).sum())) == (14_495, 0)


def test_unique_patients_keeps_real_first_images(strict: Any, xrv_tables: Path, reference: Any) -> None:
    d = xrv.get_dataset("chexpert", csvpath=xrv_tables / TABLE, views="PA", unique_patients=True)
    theirs = reference.CheX_Dataset("/", csvpath=str(xrv_tables / TABLE), views=["PA"])
    assert len(d) == len(theirs) == 20_543
    row_of = pd.Series(range(len(strict)), index=strict.csv["source_uid"])
    np.testing.assert_array_equal(d.labels, strict.labels[row_of[d.csv["source_uid"]]])
    first = strict.csv[strict.csv["view"] == "PA"].groupby("patientid")["study"].min()
    np.testing.assert_array_equal(d.csv["study"], first[d.csv["patientid"]])
    known = ~np.isnan(theirs.labels)
    mixed = (known & np.isnan(d.labels)).any(axis=1)
    assert mixed.mean() > 0.15, "theirs are mixed from several images in almost every fifth patient"


def test_torchxrayvision_opens_our_miniature_and_agrees(tmp_path: Path, reference: Any) -> None:
    paths = xrv.miniature("chexpert", tmp_path)
    d = xrv.get_dataset("chexpert", **paths, labels="torchxrayvision")
    theirs = reference.CheX_Dataset(paths["imgpath"], str(paths["csvpath"]), views=["*"], unique_patients=False)
    same(d, theirs)


def test_torchxrayvision_opens_our_chexlocalize_and_agrees(tmp_path: Path, reference: Any) -> None:
    decode = pytest.importorskip("pycocotools.mask").decode
    paths = xrv.miniature("chexlocalize", tmp_path)
    d = xrv.get_dataset("chexlocalize", **paths, pathology_masks=True)
    json_path = paths.pop("segmentations")
    theirs = reference.CheXlocalize_Dataset(
        **paths, views=["*"], unique_patients=False, segmentation_jsonpath=json_path
    )
    same(d, theirs)
    stored = json.loads(json_path.read_text())
    for i in range(len(d)):
        masks, others = d[i]["pathology_masks"], theirs[i]["pathology_masks"]
        assert masks.keys() == {k for k, mask in others.items() if mask.any()}, "theirs has empty masks, too"
        drawn = stored.get(d.csv["source_uid"][i].removeprefix("chexpert:"), {})
        for k, mask in masks.items():
            label = {"Effusion": "Pleural Effusion", "Lung Opacity": "Airspace Opacity"}.get(d.pathologies[k])
            np.testing.assert_array_equal(mask[0], decode(drawn[label or d.pathologies[k]]))


def same(ours: Any, theirs: Any) -> None:
    """Labels and pixels."""
    assert ours.pathologies == [str(name) for name in theirs.pathologies]
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.csv["patientid"].tolist() == theirs.csv["patientid"].tolist()
    for i in range(len(ours)):
        np.testing.assert_array_equal(ours[i]["img"].numpy(), theirs[i]["img"])
