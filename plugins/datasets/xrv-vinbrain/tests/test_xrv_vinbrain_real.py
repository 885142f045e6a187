"""The real table, and pixels of the miniature, beside torchxrayvision 1.5.7."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrv_core as xrv
from xrv_core.assets import asset_path
from xrv_vinbrain.plugin import VINBRAIN

pytestmark = pytest.mark.parity

# Positive for any of three readers, for a majority, for all; the first column is the paper's Table 3 where it has one.
POSITIVE = {
    "Aortic enlargement": (3067, 2346, 1744),
    "Atelectasis": (186, 62, 18),
    "Calcification": (452, 177, 57),
    "Cardiomegaly": (2300, 1817, 1297),
    "Consolidation": (353, 121, 31),
    "Effusion": (1032, 634, 439),
    "ILD": (386, 152, 71),
    "Infiltration": (613, 245, 91),
    "Lung Opacity": (1322, 547, 167),
    "Nodule/Mass": (826, 405, 181),
    "Other Lesion": (1134, 362, 127),
    "Pleural_Thickening": (1981, 882, 365),
    "Pneumothorax": (96, 58, 45),
    "Pulmonary Fibrosis": (1617, 1017, 633),
}


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


@pytest.fixture
def csvpath(xrv_tables: Path) -> Path:
    return xrv_tables / VINBRAIN.tables[0].name.rpartition("/")[2]


def test_the_asset_is_the_packaged_table(csvpath: Path) -> None:
    data = csvpath.read_bytes()
    assert (VINBRAIN.tables[0].sha256, VINBRAIN.tables[0].size) == (hashlib.sha256(data).hexdigest(), len(data))
    asset_path(VINBRAIN.tables[0]).parent.mkdir(parents=True)
    shutil.copy(csvpath, asset_path(VINBRAIN.tables[0]))
    assert len(xrv.get_dataset("vindr")) == VINBRAIN.images


@pytest.mark.parametrize(("column", "readers"), [(0, "any"), (1, "majority"), (2, "all")])
def test_counts(csvpath: Path, column: int, readers: str) -> None:
    d = xrv.get_dataset("vinbrain", csvpath=csvpath, readers=readers)
    assert {label: d.totals()[label][1.0] for label in d.pathologies} == {p: n[column] for p, n in POSITIVE.items()}
    assert VINBRAIN.positives == {p: n[0] for p, n in POSITIVE.items()}
    assert (len(d), tuple(d.pathologies)) == (VINBRAIN.images, VINBRAIN.pathologies)
    assert set(d.readings.count) == {3}
    assert len(set("|".join(d.csv["rad_id"]).split("|"))) == 17
    assert (d.csv["has_masks"] == d.labels.any(axis=1)).all()
    if readers == "any":
        assert d.csv["has_masks"].sum() == 4_394
    assert d.csv["source_uid"].is_unique


@pytest.mark.parametrize("policy", ["strict", "torchxrayvision"])
def test_labels_are_theirs(csvpath: Path, reference: Any, tmp_path: Path, policy: str) -> None:
    d = xrv.get_dataset("vinbrain", csvpath=csvpath, labels=policy)
    theirs = reference.VinDr_Dataset(imgpath=tmp_path, csvpath=csvpath)
    position = {name: i for i, name in enumerate(theirs.csv["image_id"])}
    rows = [position[name] for name in d.csv["image_id"]]
    assert sorted(rows) == list(range(15_000))
    assert d.pathologies == [str(name) for name in theirs.pathologies]
    np.testing.assert_array_equal(d.labels, theirs.labels[rows])
    assert d.csv["has_masks"].tolist() == theirs.csv["has_masks"].iloc[rows].tolist()
    assert d.csv["class_name"].tolist() == theirs.csv["class_name"].iloc[rows].tolist()


def test_masks_are_theirs(csvpath: Path, reference: Any, tmp_path: Path) -> None:
    d = xrv.get_dataset("vinbrain", csvpath=csvpath)
    theirs = reference.VinDr_Dataset(imgpath=tmp_path, csvpath=csvpath)
    shape = (3400, 3200)  # larger than any box
    for row in np.flatnonzero(d.csv["has_masks"])[::2000]:
        other = theirs.get_mask_dict(d.csv["image_id"][row], (1, *shape))
        mine = d.pathology_masks_of(int(row), shape)
        assert set(mine) == {d.pathologies[k] for k in other}
        for label, mask in mine.items():
            np.testing.assert_array_equal(mask, other[d.pathologies.index(label)])


def test_torchxrayvision_opens_our_miniature_and_agrees(tmp_path: Path, reference: Any) -> None:
    paths = xrv.miniature("vinbrain", tmp_path)
    d = xrv.get_dataset("vinbrain", **paths, pathology_masks=True)
    theirs = reference.VinDr_Dataset(paths["imgpath"], paths["csvpath"], pathology_masks=True)
    assert d.csv["image_id"].tolist() == theirs.csv["image_id"].tolist()
    np.testing.assert_array_equal(d.labels, theirs.labels)
    for i, bits in enumerate((12, 14, 10, 16)):
        mine, other = d[i], theirs[i]
        assert mine["pathology_masks"].keys() == other["pathology_masks"].keys()
        for label, mask in mine["pathology_masks"].items():
            np.testing.assert_array_equal(mask.numpy(), other["pathology_masks"][label])
        # they divide by 2**bits, which no pixel can reach, and invert around it
        np.testing.assert_allclose(mine["img"].numpy(), other["img"], atol=2 * 2048 / 2**bits)
