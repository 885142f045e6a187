"""TBX11K: splits, labels, boxes, files."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.datasets import official_split
from xrv_core.errors import ArgumentError, ImageMissing, PathMissing, TableError
from xrv_tbx11k.plugin import TBX11K, xrv_datasets

ACTIVE, OBSOLETE, PULMONARY, ANY = range(4)


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("tbx11k", tmp_path / "mini")


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


def edit(mini: dict[str, Any], **changes: Any) -> Path:
    """Change the lists of the training split's JSON."""
    path = Path(mini["imgpath"]) / "annotations/json/TBX11K_train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


# -- the miniature


def test_the_file_tells_the_official_split(mini: dict[str, Any]) -> None:
    train, val, both = (xrv.get_dataset("tbx11k", **mini, split=split) for split in ("train", "val", "trainval"))
    parts = official_split(train.merge(val))
    assert {name: len(part) for name, part in parts.items()} == {"train": 5, "val": 2}
    assert "split" not in both.csv


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [TBX11K]
    assert xrv.describe_dataset("tbx11k") == TBX11K


def test_labels_say_what_was_boxed(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("tbx11k", **mini)
    nan = np.nan
    expected = [[1, 0, 0, 1], [1, 1, 0, 1], [nan, nan, nan, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(d.labels, expected)
    theirs = xrv.get_dataset("tbx11k", **mini, labels="torchxrayvision")
    np.testing.assert_array_equal(theirs.labels, [[1, 0, 0, 1], [1, 1, 0, 1], *[[0, 0, 0, 0]] * 3])
    assert d.why(1, "ActiveTuberculosis") == {
        "file_name": "tb/tb0002.png",
        "ActiveTuberculosis": [(80.0, 60.0, 15.0, 20.0)],
    }
    assert d.why(2, "Tuberculosis") == {"file_name": "tb/tb0003.png"}
    assert d.csv["source_uid"].tolist()[:2] == ["tbx11k:tb/tb0001", "tbx11k:tb/tb0002"]
    assert d.csv["has_masks"].tolist() == [True, True, False, False, False]
    assert d.csv[["patientid", "sex", "age_years", "offset_day_int"]].isna().all(axis=None)
    assert d.views == ["UNKNOWN"]


@pytest.mark.parametrize(("split", "images", "positive"), [("train", 5, 3), ("val", 2, 1), ("trainval", 7, 4)])
def test_splits(mini: dict[str, Any], split: str, images: int, positive: int) -> None:
    d = xrv.get_dataset("tbx11k", **mini, split=split)
    assert (len(d), d.totals()["Tuberculosis"][1.0]) == (images, positive)
    json_of_it = Path(mini["imgpath"]) / f"annotations/json/TBX11K_{split}.json"
    alone = xrv.get_dataset("tbx11k", csvpath=json_of_it)
    np.testing.assert_array_equal(alone.labels, d.labels)


def test_boxes_are_masks_at_their_place(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("tbx11k", **mini, pathology_masks=True)
    masks = d[1]["pathology_masks"]
    assert masks.keys() == {ACTIVE, OBSOLETE, ANY}
    assert torch.equal(masks[ANY], torch.maximum(masks[ACTIVE], masks[OBSOLETE]))
    assert (masks[ACTIVE].shape, masks[ACTIVE].sum()) == ((1, 128, 128), 15 * 20)
    where = masks[ACTIVE][0].nonzero()
    assert where.min(dim=0).values.tolist() == [60, 80]
    assert masks[OBSOLETE].sum() == 18 * 30 + 22 * 15, "centres in 72.0 to 90.5: 18 columns"
    assert d[0]["img"][d[0]["pathology_masks"][ACTIVE] == 1].mean() > 200, "the lesion is bright"
    assert [bool(d[i]["pathology_masks"]) for i in range(5)] == d.csv["has_masks"].tolist()


def test_boxes_follow_the_size_of_the_image(mini: dict[str, Any]) -> None:
    path = edit(mini)
    images = json.loads(path.read_text())["images"]
    edit(mini, images=[{**image, "width": 512, "height": 256} for image in images])
    d = xrv.get_dataset("tbx11k", **mini, pathology_masks=True)
    where = d[1]["pathology_masks"][ACTIVE][0].nonzero()
    assert where.min(dim=0).values.tolist() == [30, 20], "drawn on 512 x 256, shown on 128 x 128"


def test_the_zip_is_read_in_place(mini: dict[str, Any], tmp_path: Path) -> None:
    plain = xrv.get_dataset("tbx11k", **mini, pathology_masks=True)
    with zipfile.ZipFile(tmp_path / "TBX11K.zip", "w") as archive:
        for path in sorted(Path(mini["imgpath"]).rglob("*.*")):
            archive.write(path, path.relative_to(Path(mini["imgpath"]).parent))
    d = xrv.get_dataset("tbx11k", tmp_path / "TBX11K.zip", pathology_masks=True)
    for i in range(5):
        assert torch.equal(d[i]["img"], plain[i]["img"])
    again = pickle.loads(pickle.dumps(d))
    assert torch.equal(again[0]["pathology_masks"][ANY], plain[0]["pathology_masks"][ANY])


# -- bad input


def test_wrong_arguments(mini: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=says("split='test'", "train, val, trainval")):
        xrv.get_dataset("tbx11k", **mini, split="test")
    folder = Path(mini["imgpath"]) / "imgs"
    with pytest.raises(
        PathMissing, match=says(f"{folder}/annotations/json/TBX11K_val.json", "no such file", "TBX11K", "imgpath")
    ):
        xrv.get_dataset("tbx11k", folder, split="val")
    with pytest.raises(PathMissing, match=says(f"{tmp_path}/no.json", "no such file", "TBX11K_train.json")):
        xrv.get_dataset("tbx11k", csvpath=tmp_path / "no.json")
    with pytest.raises(ArgumentError, match=says("'tbx11k'", "csvpath=", TBX11K.obtain)):
        xrv.get_dataset("tbx11k")
    with pytest.raises(ArgumentError, match=says("'tbx11k'", "patients", "leave unique_patients out")):
        xrv.get_dataset("tbx11k", **mini, unique_patients=True)


def test_missing_images(mini: dict[str, Any]) -> None:
    (Path(mini["imgpath"]) / "imgs/tb/tb0002.png").unlink()
    json_of_it = Path(mini["imgpath"]) / "annotations/json/TBX11K_train.json"
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"], "1 of the 5 images", json_of_it, "'imgs/tb/tb0002.png'", "imgpath", 'on_error="skip"'
        ),
    ):
        xrv.get_dataset("tbx11k", **mini)
    assert len(xrv.get_dataset("tbx11k", **mini, on_error="skip")) == 4


IMAGE = {"id": 1, "file_name": "a.png", "width": 5, "height": 5}
GOOD = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": None}, ("images: None is not a list",)),
        ({"images": []}, ("no images",)),
        ({"images": [{"id": 1, "file_name": "a.png", "width": 5}]}, ("images[0] (id 1)", "'height' is missing")),
        ({"images": [IMAGE, {**IMAGE, "file_name": "tb/other.png"}]}, ("images[1] (id 1)", "two entries")),
        *(
            ({"images": [{**IMAGE, "width": width}]}, ("images[0] (id 1)", "whole number of 1 or more"))
            for width in (0, -1, 5.5, "5", None, True)
        ),
        ({"images": [{**IMAGE, "width": 10**9}]}, ("images[0] (id 1)", "pixels", "XRV_MAX_PIXELS")),
        ({"images": [{**IMAGE, "file_name": 7}]}, ("images[0] (id 1), file_name", "7 is not a text")),
        *(({"images": [{**IMAGE, "id": key}]}, ("images[0]", "id")) for key in ([1], None, {}, 1.5)),
        (
            {"categories": [{"id": 1, "name": "Cat"}]},
            ("categories[0] (id 1)", "'Cat'", "ActiveTuberculosis, ObsoletePulmonaryTuberculosis"),
        ),
        ({"annotations": [GOOD, {**GOOD, "id": 2, "image_id": 77}]}, ("annotations[1] (id 2), image_id", "77")),
        ({"annotations": [{**GOOD, "category_id": 9}]}, ("annotations[0] (id 1), category_id", "9")),
        *(
            ({"annotations": [{**GOOD, "bbox": box}]}, ("annotations[0] (id 1), bbox", "is not a "))
            for box in ([1, 2, 0, 4], [1, 2, 3], [1, "b", 3, 4], None, "1234", {}, [1, 2, 3, 10**400])
        ),
    ],
)
def test_annotations_that_are_none(mini: dict[str, Any], changes: dict[str, Any], words: tuple[str, ...]) -> None:
    path = edit(mini, **changes)
    with pytest.raises(TableError, match=says(path, *words)):
        xrv.get_dataset("tbx11k", **mini)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "Expecting value"),
        (b"{", "JSONDecodeError"),
        (b"\xff\xfe", "UnicodeDecodeError"),
        (b"[]", "not an object with 'categories'"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"[" * 101 + b"]" * 101, "XRV_MAX_DEPTH"),
        (b'{"images": NaN}', "NaN is no number"),
        (b'{"images": [], "images": []}', "'images' twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "ValueError"),
    ],
)
def test_a_file_that_is_no_coco_json(mini: dict[str, Any], data: bytes, what: str) -> None:
    path = edit(mini)
    path.write_bytes(data)
    with pytest.raises(TableError, match=says(path, what)):
        xrv.get_dataset("tbx11k", **mini)


# -- beside torchxrayvision 1.5.7


@pytest.mark.parity
@pytest.mark.parametrize("split", ["train", "val", "trainval"])
def test_torchxrayvision_opens_our_miniature_and_agrees(mini: dict[str, Any], reference: Any, split: str) -> None:
    same(mini["imgpath"], reference, split)


@pytest.mark.realdata
@pytest.mark.parity
def test_real_images_labels_and_boxes_are_theirs(realdata: Path, reference: Any) -> None:
    d, theirs = same(realdata / "tbx11k", reference, "train")
    np.testing.assert_array_equal(d.labels, [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
    boxed = xrv.get_dataset("tbx11k", realdata / "tbx11k", pathology_masks=True)
    np.testing.assert_array_equal(boxed.labels, d.labels)
    assert boxed.csv["has_masks"].tolist() == [True, True, False]
    for i in range(3):
        masks, drawn = boxed[i]["pathology_masks"], theirs[i]["bbox"]
        assert bool(masks) == bool(drawn)
        if drawn:
            bounds = np.array(drawn)
            where = masks[ANY][0].nonzero()
            np.testing.assert_allclose(where.min(dim=0).values, bounds[:, 1::-1].min(axis=0), atol=0.5)
            ends = bounds[:, :2] + bounds[:, 2:]
            np.testing.assert_allclose(where.max(dim=0).values + 1, ends.max(axis=0)[::-1], atol=0.5)


def same(imgpath: Path, reference: Any, split: str) -> tuple[Any, Any]:
    """Both datasets, after comparing rows, labels and pixels."""
    theirs = reference.TBX11K_Dataset(str(imgpath), split=split)
    d = xrv.get_dataset("tbx11k", imgpath, split=split, labels="torchxrayvision")
    assert d.pathologies == theirs.pathologies
    assert d.csv["file_name"].tolist() == theirs.csv["file_name"].tolist()
    np.testing.assert_array_equal(d.labels, theirs.labels)
    assert [[list(box) for box in boxes] for boxes in d.csv["bbox"]] == theirs.csv["bbox"].tolist()
    for i in range(len(d)):
        np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[i]["img"])
    return d, theirs
