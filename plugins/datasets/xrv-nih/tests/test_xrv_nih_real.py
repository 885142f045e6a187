"""The real tables and images, beside torchxrayvision 1.5.7."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import xrv_core as xrv
from xrv_core import Asset
from xrv_core.assets import asset_path
from xrv_core.datasets import boxes_mask
from xrv_nih.plugin import GOOGLE, NIH

# The positives that torchxrayvision's notebooks print, of 112,120 and of 4,376 images; the paper's Table 2 sums them.
POSITIVE = {
    **{"Atelectasis": 11559, "Cardiomegaly": 2776, "Consolidation": 4667, "Edema": 2303, "Effusion": 13317},
    **{"Emphysema": 2516, "Fibrosis": 1686, "Hernia": 227, "Infiltration": 19894, "Mass": 5782, "Nodule": 6331},
    **{"Pleural_Thickening": 3385, "Pneumonia": 1431, "Pneumothorax": 5302},
}
GOOGLE_POSITIVE = {"Lung Opacity": 2166, "Fracture": 186, "Nodule/Mass": 605, "Pneumothorax": 238}
# Table 3 of the paper
IMAGES_WITH_BOX = {
    **{"Atelectasis": 180, "Effusion": 153, "Cardiomegaly": 146, "Infiltration": 123, "Pneumonia": 120},
    **{"Pneumothorax": 98, "Mass": 85, "Nodule": 79},
}


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


@pytest.fixture(scope="module")
def tables(xrv_tables: Path) -> dict[str, Path]:
    return {name: xrv_tables / name.rpartition("/")[2] for name in (t.name for t in (*NIH.tables, *GOOGLE.tables))}


def nih(tables: dict[str, Path], imgpath: Path | None = None, **options: Any) -> Any:
    csvpath, boxes = (tables[t.name] for t in NIH.tables)
    return xrv.get_dataset("nih", imgpath, **{"csvpath": csvpath, "boxes": boxes, **options})


def rows_of(dataset: Any, theirs: Any) -> list[int]:
    """Their row for each of ours, by image."""
    position = {name: i for i, name in enumerate(theirs.csv["Image Index"])}
    return [position[name] for name in dataset.csv["Image Index"]]


# -- tables


@pytest.mark.parity
@pytest.mark.parametrize("asset", [*NIH.tables, *GOOGLE.tables], ids=lambda a: a.name)
def test_the_assets_are_the_packaged_tables(tables: dict[str, Path], asset: Asset) -> None:
    data = tables[asset.name].read_bytes()
    assert (asset.sha256, asset.size) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.parity
def test_without_csvpath_table_and_boxes_are_the_assets(tables: dict[str, Path]) -> None:
    for asset in NIH.tables:
        asset_path(asset).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tables[asset.name], asset_path(asset))
    d = xrv.get_dataset("nih")
    assert (len(d), int(d.csv["has_masks"].sum())) == (NIH.images, 880)


@pytest.mark.parity
def test_counts_are_the_published_ones(tables: dict[str, Path]) -> None:
    d = nih(tables)
    assert d.totals() == {name: {0.0: 112_120 - n, 1.0: float(n)} for name, n in POSITIVE.items()}
    assert d.csv["view"].value_counts().to_dict() == {"PA": 67_310, "AP": 44_810}
    assert (len(d), d.csv["patientid"].nunique(), tuple(d.views)) == (NIH.images, NIH.patients, NIH.views)
    shown = pd.Series([label for labels in d.boxes.values() for label in labels]).value_counts().to_dict()
    assert shown == IMAGES_WITH_BOX
    g = xrv.get_dataset("nih-google", csvpath=tables[GOOGLE.tables[0].name])
    assert g.totals() == {name: {0.0: 4376 - n, 1.0: n} for name, n in GOOGLE_POSITIVE.items()}
    assert (len(g), g.csv["patientid"].nunique(), tuple(g.views)) == (GOOGLE.images, GOOGLE.patients, GOOGLE.views)
    assert g.csv["Set Id"].value_counts().to_dict() == {"val": 2414, "test": 1962}
    assert set(g.csv["source_uid"]) <= set(d.csv["source_uid"])


@pytest.mark.parity
@pytest.mark.parametrize("policy", ["strict", "torchxrayvision"])
def test_nih_labels_are_theirs(tables: dict[str, Path], reference: Any, policy: str) -> None:
    """For this dataset whole terms and substrings happen to say the same."""
    d = nih(tables, labels=policy)
    theirs = reference.NIH_Dataset(imgpath="/", views=["*"], unique_patients=False)
    assert d.pathologies == theirs.pathologies
    np.testing.assert_array_equal(d.labels, theirs.labels[rows_of(d, theirs)])
    np.testing.assert_array_equal(d.csv["has_masks"], theirs.csv["has_masks"].iloc[rows_of(d, theirs)])
    np.testing.assert_array_equal(d.csv["age_years"], theirs.csv["age_years"].iloc[rows_of(d, theirs)])


@pytest.mark.parity
@pytest.mark.parametrize("policy", ["strict", "torchxrayvision"])
def test_google_labels_are_theirs(tables: dict[str, Path], reference: Any, policy: str) -> None:
    d = xrv.get_dataset("nih-google", csvpath=tables[GOOGLE.tables[0].name], labels=policy)
    theirs = reference.NIH_Google_Dataset(imgpath="/", views=["*"], unique_patients=False)
    assert d.pathologies == [str(name) for name in theirs.pathologies]
    np.testing.assert_array_equal(d.labels, theirs.labels[rows_of(d, theirs)])


@pytest.mark.parity
@pytest.mark.parametrize(("views", "patients"), [(None, 30_805), ("PA", 28_868), ("AP", 9_060)])
def test_unique_patients_keeps_the_first_image_of_each(
    tables: dict[str, Path], views: str | None, patients: int
) -> None:
    everything = nih(tables, views=views)
    d = nih(tables, views=views, unique_patients=True)
    assert len(d) == d.csv["patientid"].nunique() == patients
    first = everything.csv.sort_values("Follow-up #").drop_duplicates("patientid")["source_uid"]
    assert set(d.csv["source_uid"]) == set(first)
    row_of = dict(zip(everything.csv["source_uid"], everything.labels, strict=True))
    np.testing.assert_array_equal(d.labels, [row_of[uid] for uid in d.csv["source_uid"]])


@pytest.mark.parity
def test_the_impossible_age_in_googles_table_is_unknown(tables: dict[str, Path]) -> None:
    g = xrv.get_dataset("nih-google", csvpath=tables[GOOGLE.tables[0].name])
    assert g.csv.loc[g.csv["age_years"].isna(), "Patient Age"].tolist() == [155]
    assert g.csv["age_years"].max() == 88


@pytest.mark.parity
def test_torchxrayvision_opens_our_miniature_and_agrees(tmp_path: Path, reference: Any) -> None:
    paths = xrv.miniature("nih", tmp_path / "nih")
    d = xrv.get_dataset("nih", **paths, pathology_masks=True)
    theirs = reference.NIH_Dataset(
        paths["imgpath"], paths["csvpath"], paths["boxes"], views=["*"], unique_patients=False, pathology_masks=True
    )
    same(d, theirs)
    for i in range(len(d)):
        assert d[i]["pathology_masks"].keys() == theirs[i]["pathology_masks"].keys()
    paths = xrv.miniature("nih-google", tmp_path / "google")
    theirs = reference.NIH_Google_Dataset(**paths, views=["*"], unique_patients=False)
    same(xrv.get_dataset("nih-google", **paths), theirs)


def same(ours: Any, theirs: Any) -> None:
    """Rows, labels and pixels."""
    assert ours.csv["Image Index"].tolist() == theirs.csv["Image Index"].tolist()
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    for i in range(len(ours)):
        np.testing.assert_array_equal(ours[i]["img"].numpy(), theirs[i]["img"])


# -- images


@pytest.mark.realdata
@pytest.mark.parity
def test_pixels_of_real_images_are_theirs(realdata: Path, reference: Any) -> None:
    csvpath = realdata / "nih/Data_Entry_2017_v2020.subset.csv"
    d = xrv.get_dataset("nih", realdata / "nih/images", csvpath)
    theirs = reference.NIH_Dataset(realdata / "nih/images", csvpath, views=["*"], unique_patients=False)
    np.testing.assert_array_equal(d.labels, theirs.labels)
    rgba = [i for i in range(len(d)) if Image.open(realdata / "nih/images" / d.image_name(i)).mode == "RGBA"]
    assert len(rgba) == 4
    for i in [*rgba, *range(0, len(d), 20)]:
        np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[i]["img"])


@pytest.mark.realdata
@pytest.mark.parity
def test_real_boxes_are_where_the_table_says_and_where_theirs_are(realdata: Path, reference: Any) -> None:
    csvpath, boxes = (realdata / "nih" / f"{n}.subset.csv" for n in ("Data_Entry_2017_v2020", "BBox_List_2017"))
    d = xrv.get_dataset("nih", realdata / "nih/images", csvpath, boxes=boxes, pathology_masks=True)
    theirs = reference.NIH_Dataset(
        realdata / "nih/images", csvpath, boxes, views=["*"], unique_patients=False, pathology_masks=True
    )
    assert int(d.csv["has_masks"].sum()) == 44
    listed = pd.read_csv(boxes).replace({"Finding Label": {"Infiltrate": "Infiltration"}})
    for i in np.flatnonzero(d.csv["has_masks"]):
        masks = d.pathology_masks_of(i, (1024, 1024))
        other = theirs.get_mask_dict(d.image_name(i), 1024)
        rows = listed[listed["Image Index"] == d.image_name(i)]
        assert set(masks) == set(rows["Finding Label"])
        assert set(masks) == {d.pathologies[k] for k in other}
        for label, *box in rows[["Finding Label", "Bbox [x", "y", "w", "h]"]].itertuples(index=False):
            assert_mask_is_box(masks[label][0], box)
            overlap = np.sum(masks[label] * other[d.pathologies.index(label)])
            assert overlap >= 0.95 * max(masks[label].sum(), other[d.pathologies.index(label)].sum())


def assert_mask_is_box(mask: np.ndarray, box: list[float]) -> None:
    """Every edge of the mask lies within half a pixel of the box's."""
    x, y, width, height = box
    for axis, start, length in ((0, x, width), (1, y, height)):
        covered = np.flatnonzero(mask.any(axis=axis))
        assert abs(covered[0] - start) <= 0.5
        assert abs(covered[-1] + 1 - (start + length)) <= 0.5
    assert mask.sum() == mask.any(axis=0).sum() * mask.any(axis=1).sum()


@pytest.mark.realdata
@pytest.mark.parity
def test_boxes_follow_smaller_images(realdata: Path, tables: dict[str, Path]) -> None:
    d = nih(tables, realdata / "nih224/images", on_error="skip", pathology_masks=True)
    assert len(d) == 1000
    (row, *_) = np.flatnonzero(d.csv["has_masks"])
    sample = d[int(row)]
    assert sample["img"].shape == (1, 224, 224)
    for index, mask in sample["pathology_masks"].items():
        ((x, y, w, h),) = d.boxes[d.image_name(row)][d.pathologies[index]]
        expected = boxes_mask([(x / 1024 * 224, y / 1024 * 224, w / 1024 * 224, h / 1024 * 224)], (224, 224))
        np.testing.assert_array_equal(mask.numpy(), expected)
        assert_mask_is_box(mask[0].numpy(), [v * 224 / 1024 for v in (x, y, w, h)])


@pytest.mark.realdata
def test_google_opens_the_same_real_images(realdata: Path) -> None:
    g = xrv.get_dataset("nih-google", realdata / "nih/images", realdata / "nih/google2019.subset.csv")
    n = xrv.get_dataset("nih", realdata / "nih/images", realdata / "nih/Data_Entry_2017_v2020.subset.csv")
    assert len(g) == 39
    there = n.csv["source_uid"].tolist().index(g.csv["source_uid"][0])
    np.testing.assert_array_equal(g[0]["img"], n[there]["img"])
