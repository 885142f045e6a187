"""The Montgomery and Shenzhen sets: file names, readings, masks."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.errors import ArgumentError, PathMissing, TableError
from xrv_nlmtb.listing import read_reading
from xrv_nlmtb.plugin import NLMTB, xrv_datasets


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that holds both sets."""
    path: Path = xrv.miniature("nlmtb", tmp_path / "mini")["imgpath"]
    return path


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [NLMTB]
    assert xrv.describe_dataset("nlmtb") == NLMTB


def test_labels_patients_and_readings(root: Path) -> None:
    d = xrv.get_dataset("nlmtb", root)
    csv = d.csv
    assert csv["set"].tolist() == [*["Montgomery"] * 4, *["Shenzhen"] * 4]
    np.testing.assert_array_equal(d.labels[:, 0], [0, 0, 1, 1, 0, 0, 1, 1])
    assert csv["patientid"].tolist()[:4] == ["MCUCXR_9001", "MCUCXR_9002", "MCUCXR_9003", "MCUCXR_9003"]
    assert csv["sex"].fillna("?").tolist() == ["F", "?", "M", "M", "M", "F", "F", "M"]
    np.testing.assert_allclose(csv["age_years"], [27, 5, 49, 49, 45, 16 / 12, 32, 29])
    assert csv["source_uid"][7] == "nlmtb:CHNCXR_9004_1"
    assert d.views == ["PA"]
    assert csv["offset_day_int"].isna().all()
    assert d.why(2, "Tuberculosis") == {"fname": "MCUCXR_9003_1.png", "reading": "infiltrate in the left upper lobe"}
    assert len(xrv.get_dataset("nlmtb", root, unique_patients=True)) == 7
    assert d[4]["img"].shape == (1, 104, 100), "RGB is one channel"


@pytest.mark.parametrize(
    ("text", "sex", "age"),
    [
        ("Patient's Sex: F \nPatient's Age: 027Y\nnormal", "F", 27),
        ("Patient's Sex: O \nPatient's Age: 005Y\nnormal", None, 5),
        ("male 45yrs\nnormal", "M", 45),
        ("female 64days\nnormal", "F", 64 / 365.25),
        ("male 16month\nnormal", "M", 16 / 12),
        ("femal 32yrs\nnormal", "F", 32),
        ("female24yrs\r\nnormal", "F", 24),
        ("Male , 29yrs  \t\nnormal", "M", 29),
        ("male 42\nnormal", "M", None),
        ("male 1 year\nas a female of 20yrs", "M", 1),
        ("normal", None, None),
        ("", None, None),
    ],
)
def test_readings_as_they_are_written(text: str, sex: str | None, age: float | None) -> None:
    reading = read_reading(text)
    assert (reading.sex, reading.age_years, reading.same_as) == (sex, age, None)
    assert reading.text == (text.splitlines()[-1] if text else "")


def test_masks_of_both_sets(root: Path) -> None:
    d = xrv.get_dataset("nlmtb", root, semantic_masks=True)
    assert d.csv["has_masks"].tolist() == [True] * 6 + [False] * 2
    named = [list(d[i]["semantic_masks"]) for i in range(8)]
    assert named == [["Left Lung", "Right Lung", "Lungs"]] * 4 + [["Lungs"]] * 2 + [[]] * 2
    sample = d[0]
    masks = sample["semantic_masks"]
    assert torch.equal(masks["Lungs"], torch.maximum(masks["Left Lung"], masks["Right Lung"]))
    assert masks["Left Lung"][0].nonzero()[:, 1].min() > masks["Right Lung"][0].nonzero()[:, 1].max()
    assert masks["Lungs"].unique().tolist() == [0.0, 1.0]
    assert sample["img"][masks["Lungs"] == 1].unique().tolist() == pytest.approx([(60 / 255 * 2 - 1) * 1024])


def test_a_mask_of_another_size_follows_the_image(root: Path) -> None:
    from PIL import Image

    path = root / "ChinaSet_AllFiles/mask/CHNCXR_9001_0_mask.png"
    Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.full((26, 25), 255, np.uint8))).save(path)
    mask = xrv.get_dataset("nlmtb", root, semantic_masks=True)[4]["semantic_masks"]["Lungs"][0]
    assert mask.shape == (104, 100)
    assert (mask[:52, :50] == 1).all()
    assert mask.sum() == 2 * 52 * 50


def test_one_set_its_zip_and_nothing_beside_the_images(root: Path, tmp_path: Path) -> None:
    one = xrv.get_dataset("nlmtb", root / "MontgomerySet", semantic_masks=True)
    assert len(one) == 4
    with zipfile.ZipFile(tmp_path / "NLM-MontgomeryCXRSet.zip", "w") as archive:
        for path in sorted((root / "MontgomerySet").rglob("*.*")):
            archive.write(path, path.relative_to(root))
        archive.writestr("MontgomerySet/CXR_png/Thumbs.db", b"x")
        archive.writestr("__MACOSX/MontgomerySet/CXR_png/._MCUCXR_9001_0.png", b"x")
    packed = xrv.get_dataset("nlmtb", tmp_path / "NLM-MontgomeryCXRSet.zip", semantic_masks=True)
    again = pickle.loads(pickle.dumps(packed))
    assert again.csv["source_uid"].tolist() == one.csv["source_uid"].tolist()
    for i in range(4):
        assert torch.equal(again[i]["img"], one[i]["img"])
        assert torch.equal(again[i]["semantic_masks"]["Lungs"], one[i]["semantic_masks"]["Lungs"])
    for name in ("ClinicalReadings", "ManualMask"):
        shutil.rmtree(root / "MontgomerySet" / name)
    bare = xrv.get_dataset("nlmtb", root / "MontgomerySet")
    np.testing.assert_array_equal(bare.labels, one.labels)
    assert bare.csv[["sex", "age_years"]].isna().all(axis=None)
    assert not bare.csv["has_masks"].any()
    assert bare.csv["patientid"].tolist()[3] == "MCUCXR_9004"


# -- bad input


def test_wrong_arguments(root: Path) -> None:
    with pytest.raises(ArgumentError, match=r"'nlmtb' has no table.*csvpath"):
        xrv.get_dataset("nlmtb", root, root / "x.csv")
    with pytest.raises(ArgumentError, match=says("'nlmtb'", "imgpath=", NLMTB.obtain)):
        xrv.get_dataset("nlmtb")
    with pytest.raises(
        PathMissing,
        match=says(root / "MontgomerySet/CXR_png", "no folder CXR_png", "MontgomerySet, ChinaSet_AllFiles", "imgpath"),
    ):
        xrv.get_dataset("nlmtb", root / "MontgomerySet/CXR_png")


def test_a_name_that_does_not_tell_the_label(root: Path) -> None:
    folder = root / "MontgomerySet/CXR_png"
    (folder / "MCUCXR_9001_0.png").rename(folder / "MCUCXR_9001.final.png")
    with pytest.raises(
        TableError, match=says(root, "'MontgomerySet/CXR_png/MCUCXR_9001.final.png'", "0 (normal)", "1 (tuberculosis)")
    ):
        xrv.get_dataset("nlmtb", root)


# -- beside torchxrayvision 1.5.7


@pytest.mark.parity
@pytest.mark.parametrize("name", ["MontgomerySet", "ChinaSet_AllFiles"])
def test_torchxrayvision_opens_our_miniature_and_agrees(root: Path, reference: Any, name: str) -> None:
    theirs = reference.NLMTB_Dataset(str(root / name))
    for policy in ("strict", "torchxrayvision"):
        d = xrv.get_dataset("nlmtb", root / name, labels=policy)
        assert d.pathologies == theirs.pathologies
        assert d.csv["fname"].tolist() == theirs.csv["fname"].tolist()
        np.testing.assert_array_equal(d.labels, theirs.labels)
        for i in range(4):
            np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[i]["img"])
