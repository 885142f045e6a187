"""The real table and the real DICOM file, beside torchxrayvision 1.5.7."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xrv_core as xrv
from xrv_core.assets import asset_path
from xrv_core.datasets import siim_rle_mask
from xrv_siim.plugin import SIIM

pytestmark = pytest.mark.parity
REAL = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819"


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy and from remembering the files of another folder."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    monkeypatch.setattr(datasets, "_cache_dict", {})
    return datasets


@pytest.fixture
def csvpath(xrv_tables: Path) -> Path:
    return xrv_tables / SIIM.tables[0].name.rpartition("/")[2]


def test_the_asset_is_the_packaged_table(csvpath: Path) -> None:
    data = csvpath.read_bytes()
    assert (SIIM.tables[0].sha256, SIIM.tables[0].size) == (hashlib.sha256(data).hexdigest(), len(data))
    asset_path(SIIM.tables[0]).parent.mkdir(parents=True)
    shutil.copy(csvpath, asset_path(SIIM.tables[0]))
    assert len(xrv.get_dataset("siim")) == SIIM.images


@pytest.mark.parametrize("policy", ["strict", "torchxrayvision"])
def test_labels_are_theirs_by_image(csvpath: Path, reference: Any, policy: str) -> None:
    d = xrv.get_dataset("siim", csvpath=csvpath, labels=policy)
    theirs = reference.SIIM_Pneumothorax_Dataset(imgpath="/none", csvpath=csvpath)
    assert len(theirs) == 12_954
    any_row = pd.Series(theirs.labels[:, 0]).groupby(theirs.csv["ImageId"]).max()
    assert d.pathologies == theirs.pathologies
    assert len(d) == len(any_row) == 12_047
    np.testing.assert_array_equal(d.labels[:, 0], any_row.loc[d.csv["ImageId"]])
    assert d.totals() == {"Pneumothorax": {0.0: 9_378, 1.0: 2_669}}
    assert SIIM.positives == {"Pneumothorax": 2_669}
    assert (d.csv["has_masks"].sum(), d.csv["outlines"].sum(), (d.csv["outlines"] > 1).sum()) == (2_669, 3_576, 624)
    assert d.csv["source_uid"].is_unique


def test_masks_are_theirs_for_one_outline_and_the_union_for_several(csvpath: Path, reference: Any) -> None:
    d = xrv.get_dataset("siim", csvpath=csvpath)
    theirs = reference.SIIM_Pneumothorax_Dataset(imgpath="/none", csvpath=csvpath)
    for row in np.flatnonzero(d.csv["outlines"] == 1)[:8]:
        other = theirs.get_pathology_mask_dict(d.csv["ImageId"][row], 1024)
        np.testing.assert_array_equal(d.pathology_masks_of(int(row), (1024, 1024))["Pneumothorax"], other[0])
    for row in np.flatnonzero(d.csv["outlines"] == 2)[:8]:
        mine = d.pathology_masks_of(int(row), (1024, 1024))["Pneumothorax"]
        first, last = (siim_rle_mask(rle) for rle in d.why(int(row), "Pneumothorax")["EncodedPixels"])
        np.testing.assert_array_equal(theirs.get_pathology_mask_dict(d.csv["ImageId"][row], 1024)[0], last)
        np.testing.assert_array_equal(mine, np.maximum(first, last))


def test_every_real_outline_can_be_decoded(csvpath: Path) -> None:
    """In sum; drawing all of them takes ten seconds."""
    d = xrv.get_dataset("siim", csvpath=csvpath)
    numbers = [np.array(rle.split(), dtype=int) for found in d.outlines.values() for rle in found]
    assert all(len(n) % 2 == 0 and n.min() >= 0 and n.sum() <= 1024 * 1024 for n in numbers)
    assert min(n[1::2].sum() for n in numbers) > 0, "no mask is empty"


def test_torchxrayvision_opens_our_miniature_and_agrees(tmp_path: Path, reference: Any) -> None:
    paths = xrv.miniature("siim", tmp_path)
    d = xrv.get_dataset("siim", **paths, pathology_masks=True)
    theirs = reference.SIIM_Pneumothorax_Dataset(paths["imgpath"], paths["csvpath"], pathology_masks=True)
    row_of = {image: i for i, image in enumerate(theirs.csv["ImageId"])}
    for i, image in enumerate(d.csv["ImageId"]):
        mine, other = d[i], theirs[row_of[image]]
        np.testing.assert_array_equal(mine["img"].numpy(), other["img"])
        assert mine["lab"] == other["lab"]
        assert mine["pathology_masks"].keys() == other["pathology_masks"].keys()
        if d.csv["outlines"][i] == 1:
            assert (mine["pathology_masks"][0].numpy() != other["pathology_masks"][0]).mean() < 0.005


@pytest.mark.realdata
def test_the_real_file(realdata: Path, csvpath: Path, tmp_path: Path, reference: Any) -> None:
    (tmp_path / "study/series").mkdir(parents=True)
    shutil.copy(realdata / f"dicom/siim_{REAL}.dcm", tmp_path / f"study/series/{REAL}.dcm")
    d = xrv.get_dataset("siim", tmp_path, csvpath, on_error="skip", read_headers=True)
    theirs = reference.SIIM_Pneumothorax_Dataset(tmp_path, csvpath)
    assert (len(d), len(d.skipped)) == (1, 12_046)
    row = d.csv.iloc[0]
    assert (row["view"], row["sex"], row["age_years"], row["has_masks"]) == ("PA", "M", 62.0, False)
    (other,) = np.flatnonzero(theirs.csv["ImageId"] == REAL)
    np.testing.assert_array_equal(d[0]["img"].numpy(), theirs[other]["img"])
    np.testing.assert_array_equal(d[0]["lab"], theirs[other]["lab"])
