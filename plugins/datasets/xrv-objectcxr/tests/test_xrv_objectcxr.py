"""Object-CXR: labels, outlines, zips."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.datasets import boxes_mask
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, TableError
from xrv_objectcxr.plugin import OBJECTCXR, xrv_datasets


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("objectcxr", tmp_path / "mini")


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


def repack(path: Path, to: Path, folder: str) -> Path:
    """The zip's files under another folder; unpacked where ``to`` is no zip."""
    with zipfile.ZipFile(path) as old:
        files = {name.rpartition("/")[2]: old.read(name) for name in old.namelist()}
    if to.suffix != ".zip":
        (to / folder).mkdir(parents=True)
        for name, data in files.items():
            (to / folder / name).write_bytes(data)
        return to
    with zipfile.ZipFile(to, "w") as new:
        for name, data in files.items():
            new.writestr(f"{folder}{name}", data)
    return to


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [OBJECTCXR]
    assert xrv.describe_dataset("objectcxr") == OBJECTCXR


def test_labels_and_common_columns(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("objectcxr", **mini)
    np.testing.assert_array_equal(d.labels, [[1], [0], [1], [1], [0]])
    assert d.csv["has_masks"].tolist() == [True, False, True, True, False]
    assert d.csv["source_uid"][0] == "objectcxr:90001"
    assert d.csv[["patientid", "age_years", "sex", "offset_day_int"]].isna().all(axis=None)
    assert d.why(0, "Foreign Object") == {"annotation": "0 20 30 36 50"}
    assert d[0]["img"].shape == (1, 104, 112)


def test_outlines_are_masks_at_their_place(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("objectcxr", **mini, pathology_masks=True)
    assert [bool(d[i]["pathology_masks"]) for i in range(5)] == d.csv["has_masks"].tolist()
    np.testing.assert_array_equal(d[0]["pathology_masks"][0], boxes_mask([(20, 30, 16, 20)], (104, 112)))
    both = d[2]["pathology_masks"][0]
    assert abs(both.sum() - (np.pi * 10 * 12 + 16 * 10)) < 15
    for i in (0, 2, 3):
        sample = d[i]
        mask = sample["pathology_masks"][0]
        assert sample["img"][mask == 1].mean() > 850, "objects are white"
        assert (sample["img"][mask == 0] > 850).sum() < 90, "Pillow also draws the outline's pixels"


def test_the_older_header_and_another_folder(mini: dict[str, Any], tmp_path: Path) -> None:
    plain = xrv.get_dataset("objectcxr", **mini)
    table = pd.read_csv(mini["csvpath"])
    table["image_name"] = "/path/dev/" + table["image_name"]
    table.rename(columns={"image_name": "image_path"}).to_csv(mini["csvpath"], index=False)
    for to in ("dev.zip", "flat.zip", "folder"):
        imgpath = repack(mini["imgpath"], tmp_path / to, "" if to == "flat.zip" else "dev/")
        d = xrv.get_dataset("objectcxr", imgpath, mini["csvpath"])
        assert d.csv["image_path"][0] == "/path/dev/90001.jpg"
        assert d.csv["source_uid"].tolist() == plain.csv["source_uid"].tolist()
        assert all(torch.equal(d[i]["img"], plain[i]["img"]) for i in range(5))


def test_the_zip_is_opened_once(mini: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    d = xrv.get_dataset("objectcxr", **mini)
    opened = []
    original = Path.open

    def counting(self: Path, *args: Any, **kwargs: Any) -> Any:
        opened.append(self)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", counting)
    for i in (0, 1, 2, 3, 4, 0):
        assert d[i]["img"].shape == (1, 104, 112)
    assert opened == [mini["imgpath"]]


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("objectcxr", **mini, pathology_masks=True).subset([0, 2, 3])
    loader = torch.utils.data.DataLoader(d, batch_size=1, num_workers=2, multiprocessing_context="fork")
    for i, batch in enumerate(loader):
        assert torch.equal(batch["img"][0], d[i]["img"])
        assert torch.equal(batch["pathology_masks"][0][0], d[i]["pathology_masks"][0])
    assert torch.equal(pickle.loads(pickle.dumps(d))[0]["img"], d[0]["img"])


# -- bad input


@pytest.mark.parametrize(
    ("cell", "part", "why"),
    [
        ("0 1 2 3 4;7 1 2 3 4", "7 1 2 3 4", ""),
        ("0 1 2 x 4", "0 1 2 x 4", ""),
        ("1 1 2 3", "1 1 2 3", r"ellipse \[1.0, 2.0, 3.0\].*"),
        ("2 1 2 3 4", "2 1 2 3 4", r"polygon \[1.0, 2.0, 3.0, 4.0\].*"),
    ],
)
def test_an_annotation_that_is_no_shape(mini: dict[str, Any], cell: str, part: str, why: str) -> None:
    table = pd.read_csv(mini["csvpath"])
    table.loc[1, "annotation"] = cell
    table.to_csv(mini["csvpath"], index=False)
    with pytest.raises(TableError, match=rf"csv, image '90002.jpg': .*{part!r}.*{why}0 \(rectangle\), 1 \(ellipse\)"):
        xrv.get_dataset("objectcxr", **mini, pathology_masks=True)
    assert xrv.get_dataset("objectcxr", **mini).labels[1] == 1, "labels need no outline"


def test_wrong_tables_and_missing_images(mini: dict[str, Any], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("file,annotation\na.jpg,\n")
    with pytest.raises(
        MissingColumns, match=says(wrong, "'objectcxr'", "missing column 'image_name'", "'file', 'annotation'")
    ):
        xrv.get_dataset("objectcxr", mini["imgpath"], wrong)
    with pytest.raises(ArgumentError, match=r"^'objectcxr' has no public metadata table: pass csvpath=\.\.\.\. How"):
        xrv.get_dataset("objectcxr", mini["imgpath"])
    mini["csvpath"].write_text(mini["csvpath"].read_text() + "90006.jpg,\n")
    with pytest.raises(
        ImageMissing,
        match=says(mini["imgpath"], "1 of the 6 images", mini["csvpath"], "'90006.jpg'", "imgpath", 'on_error="skip"'),
    ):
        xrv.get_dataset("objectcxr", **mini)
    d = xrv.get_dataset("objectcxr", **mini, on_error="skip")
    assert (len(d), d.skipped) == (5, ["90006.jpg"])


# -- beside torchxrayvision 1.5.7


@pytest.mark.parity
def test_torchxrayvision_opens_our_miniature_and_agrees(mini: dict[str, Any], reference: Any) -> None:
    theirs = reference.ObjectCXR_Dataset(mini["imgpath"], mini["csvpath"])
    for policy in ("strict", "torchxrayvision"):
        d = xrv.get_dataset("objectcxr", **mini, labels=policy)
        assert d.pathologies == theirs.pathologies
        np.testing.assert_array_equal(d.labels, theirs.labels)
        np.testing.assert_array_equal(d.csv["has_masks"], theirs.csv["has_masks"])
        for i in range(5):
            np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[i]["img"])
