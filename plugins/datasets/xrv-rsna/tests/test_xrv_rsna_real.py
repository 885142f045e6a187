"""The real tables, beside torchxrayvision 1.5.7."""

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
from xrv_core import Asset
from xrv_core.assets import asset_path
from xrv_rsna.plugin import RSNA

pytestmark = pytest.mark.parity


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


@pytest.fixture
def tables(xrv_tables: Path) -> dict[str, Path]:
    labels, headers = (xrv_tables / asset.name.rpartition("/")[2] for asset in RSNA.tables)
    return {"csvpath": labels, "dicomcsvpath": headers}


@pytest.mark.parametrize("asset", RSNA.tables, ids=lambda a: a.name)
def test_the_assets_are_the_packaged_tables(xrv_tables: Path, asset: Asset) -> None:
    data = (xrv_tables / asset.name.rpartition("/")[2]).read_bytes()
    assert (asset.sha256, asset.size) == (hashlib.sha256(data).hexdigest(), len(data))


def test_without_paths_the_tables_are_the_assets(xrv_tables: Path) -> None:
    for asset in RSNA.tables:
        asset_path(asset).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(xrv_tables / asset.name.rpartition("/")[2], asset_path(asset))
    assert len(xrv.get_dataset("rsna")) == RSNA.images


def test_counts_are_the_published_ones(tables: dict[str, Path]) -> None:
    d = xrv.get_dataset("rsna", **tables)
    assert d.totals() == {label: {0.0: 20_672, 1.0: 6_012} for label in ("Lung Opacity", "Pneumonia")}
    assert (len(d), tuple(d.views), tuple(d.pathologies)) == (RSNA.images, RSNA.views, RSNA.pathologies)
    assert d.csv["view"].value_counts().to_dict() == {"PA": 14_511, "AP": 12_173}
    assert set(RSNA.positives.values()) == {6_012}
    assert d.csv["has_masks"].sum() == 6_012
    assert sum(map(len, d.boxes.values())) == 9_555
    assert d.csv["sex"].value_counts().to_dict() == {"M": 15_166, "F": 11_518}
    assert sorted(d.csv.loc[d.csv["age_years"].isna(), "PatientAge"]) == [148, 150, 151, 153, 155]
    assert d.csv["age_years"].max() == 92
    assert d.csv["source_uid"].is_unique


@pytest.mark.parametrize("policy", ["strict", "torchxrayvision"])
def test_labels_are_theirs(tables: dict[str, Path], reference: Any, policy: str) -> None:
    d = xrv.get_dataset("rsna", **tables, labels=policy)
    theirs = reference.RSNA_Pneumonia_Dataset(imgpath="/", views=["*"])
    position = {name: i for i, name in enumerate(theirs.csv["patientId"])}
    rows = [position[name] for name in d.csv["patientId"]]
    assert d.pathologies == theirs.pathologies
    assert sorted(rows) == list(range(26_684))
    np.testing.assert_array_equal(d.labels, theirs.labels[rows])
    for column in ("view", "has_masks", "PatientAge", "PatientSex"):
        assert d.csv[column].tolist() == theirs.csv[column].iloc[rows].tolist()


def test_torchxrayvision_opens_our_miniature_and_agrees(tmp_path: Path, reference: Any) -> None:
    paths = xrv.miniature("rsna", tmp_path)
    d = xrv.get_dataset("rsna", **paths, pathology_masks=True)
    shown = {key: paths[key] for key in ("imgpath", "csvpath", "dicomcsvpath")}
    theirs = reference.RSNA_Pneumonia_Dataset(**shown, views=["*"], extension=".dcm", pathology_masks=True)
    assert d.csv["patientId"].tolist() == theirs.csv["patientId"].tolist()
    np.testing.assert_array_equal(d.labels, theirs.labels)
    for i in range(len(d)):
        mine, other = d[i], theirs[i]
        np.testing.assert_array_equal(mine["img"].numpy(), other["img"])
        for label, mask in mine["pathology_masks"].items():
            both = (mask.numpy() * other["pathology_masks"][label]).sum()
            assert both >= 0.9 * max(mask.sum(), other["pathology_masks"][label].sum()), "they cut to whole numbers"
        if not mine["pathology_masks"]:
            assert not any(mask.any() for mask in other["pathology_masks"].values())


@pytest.mark.realdata
def test_several_ids_are_images_of_one_patient(realdata: Path, tables: dict[str, Path], tmp_path: Path) -> None:
    """Why patientid is not Kaggle's patientId: ids whose image was found in NIH's, with NIH's sex and view."""
    found = pd.read_csv(realdata / "nih/rsna_patientId_to_nih_all1000.csv")
    entries = [{"subset_img_id": a, "img_id": b} for a, b in zip(found["patientId"], found["cxr_match"], strict=True)]
    (tmp_path / "mapping.json").write_text(json.dumps(entries))
    d = xrv.get_dataset("rsna", **tables, mapping=tmp_path / "mapping.json")
    known = d.csv[d.csv["patientid"].notna()]
    assert len(known) == len(found) == 339
    assert known["patientid"].nunique() == 275
    assert known["patientId"].nunique() == 339
    assert known["source_uid"].str.fullmatch(r"nih:\d{8}_\d{3}").all()
    nih = pd.read_csv(tables["csvpath"].parent / "Data_Entry_2017_v2020.csv.gz")
    nih.index = "nih:" + nih["Image Index"].str.removesuffix(".png")
    same = nih.loc[known["source_uid"]]
    assert known["patientid"].tolist() == same["Patient ID"].astype(str).tolist()
    assert known["sex"].tolist() == same["Patient Gender"].tolist()
    assert known["view"].tolist() == same["View Position"].tolist()
