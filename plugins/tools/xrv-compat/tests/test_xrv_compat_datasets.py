"""Every dataset class beside torchxrayvision's, on one miniature: arguments, items, tables, what is printed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrv_compat as xrv
import xrv_core
from xrv_compat.old_datasets import OLD_DATASETS

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")]

ALL = {"views": ["*"], "unique_patients": False, "pathology_masks": True}
COLUMNS = ("patientid", "offset_day_int", "view", "age_years", "sex_male", "sex_female", "has_masks")

#: Cells of csv that differ on purpose; each is said in OLD_DATASETS.
OTHER_CELLS = {
    "RSNA_Pneumonia_Dataset": {"patientid"},
    "PC_Dataset": {"offset_day_int", "age_years"},
    "CheX_Dataset": {"age_years"},
    "CheXlocalize_Dataset": {"has_masks"},
    "MIMIC_Dataset": {"offset_day_int"},
    "Openi_Dataset": {"view"},
    "StonyBrookCOVID_Dataset": {"offset_day_int"},
}
#: Columns of theirs that ours lacks.
NO_COLUMNS = {
    "RSNA_Pneumonia_Dataset": {"x", "y", "width", "height", "Unnamed: 0"},
    "CheX_Dataset": {"PatientID"},
    "CheXlocalize_Dataset": {"PatientID"},
    "Openi_Dataset": {"labels_major", "labels_automatic"},
    "SIIM_Pneumothorax_Dataset": {" EncodedPixels"},
}
#: Largest difference of pixels, on a scale of 2048: the window of DICOM files.
PIXELS = {"VinDr_Dataset": 1.5}
CLASSES = sorted(OLD_DATASETS)
ALIKE = [cls for cls in CLASSES if cls != "SIIM_Pneumothorax_Dataset"]


@pytest.mark.parametrize("cls", CLASSES)
def test_arguments_and_defaults_are_theirs(peer: Any, cls: str) -> None:
    a, b = (inspect.signature(getattr(library.datasets, cls)).parameters for library in (peer, xrv))
    assert [(p.name, p.default) for p in b.values()] == [(p.name, p.default) for p in a.values()]


@pytest.mark.parametrize("options", [{}, ALL], ids=["default", "all"])
@pytest.mark.parametrize("cls", ALIKE)
def test_rows_labels_and_print_are_theirs(opened: Callable[..., Any], cls: str, options: dict[str, Any]) -> None:
    theirs, ours = opened(cls, **options)
    if cls == "COVID19_Dataset" and options:
        assert set(theirs.csv["filename"]) - set(ours.csv["filename"]) == {"toy-905.nii.gz"}, "CT is no X-ray"
        return
    assert len(ours) == len(theirs)
    assert ours.string() == repr(ours) == str(ours) == theirs.string() == repr(theirs)
    assert ours.pathologies == [str(name) for name in theirs.pathologies]
    assert ours.labels.dtype == np.float32
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.totals() == theirs.totals()
    for column in (c for c in COLUMNS if c in theirs.csv):
        a, b = (d.csv[column].astype("str").str.removesuffix(".0").tolist() for d in (theirs, ours))
        assert a == b or column in OTHER_CELLS.get(cls, ()), column
    assert set(theirs.csv.columns) - set(ours.csv.columns) - {"index"} <= NO_COLUMNS.get(cls, set())
    assert ours.views == getattr(theirs, "views", [])


@pytest.mark.parametrize("options", [{}, ALL], ids=["default", "all"])
@pytest.mark.parametrize("cls", ALIKE)
def test_items_are_theirs(opened: Callable[..., Any], cls: str, options: dict[str, Any]) -> None:
    theirs, ours = opened(cls, **options)
    for i in range(min(len(ours), 4)):
        a, b = theirs[i], ours[i]
        assert list(a) == list(b)
        assert type(b["img"]) is np.ndarray
        assert (b["img"].dtype, b["img"].shape) == (a["img"].dtype, a["img"].shape) == (np.float32, a["img"].shape)
        np.testing.assert_allclose(b["img"], a["img"], atol=PIXELS.get(cls, 1e-3))
        np.testing.assert_array_equal(b["lab"], a["lab"])
        assert type(b["lab"]) is np.ndarray
        assert [list(box) for box in b.get("bbox", [])] == a.get("bbox", [])
        drawn = {key: mask for key, mask in a.get("pathology_masks", {}).items() if mask.any() or cls[:4] == "RSNA"}
        assert set(b.get("pathology_masks", {})) == set(drawn)
        for key, mask in drawn.items():
            assert b["pathology_masks"][key].shape == b["img"].shape
            if mask.shape != b["img"].shape:
                assert cls == "CheXlocalize_Dataset", "theirs makes a square of it"
                continue
            assert abs(b["pathology_masks"][key].sum() - mask.sum()) <= 0.25 * mask.sum()  # _BOXES


def test_semantic_masks_are_theirs(peer: Any, opened: Callable[..., Any], shelf: Any) -> None:
    masks = Path(peer.datasets.datapath) / "semantic_masks_v7labs_lungs.zip"
    shelf["covid19/semantic_masks_v7labs_lungs.zip"] = masks
    theirs, ours = opened("COVID19_Dataset", semantic_masks=True)
    assert [set(ours[i]["semantic_masks"]) for i in range(4)] == [set(theirs[i]["semantic_masks"]) for i in range(4)]


def test_siim_has_one_item_an_image(opened: Callable[..., Any]) -> None:
    theirs, ours = opened("SIIM_Pneumothorax_Dataset", pathology_masks=True)
    assert (len(theirs), len(ours)) == (7, 5)
    assert ours.csv["ImageId"].tolist() == theirs.csv["ImageId"].drop_duplicates().tolist()
    assert ours.string() == theirs.string().replace("7", "5")
    of_image = theirs.csv["has_masks"].groupby(theirs.csv["ImageId"]).max()
    assert ours.labels[:, 0].astype(bool).tolist() == of_image[ours.csv["ImageId"]].tolist()
    for i, image in enumerate(ours.csv["ImageId"]):
        other = theirs[theirs.csv["ImageId"].tolist().index(image)]
        np.testing.assert_array_equal(ours[i]["img"], other["img"])
        for key, last in other["pathology_masks"].items():
            assert (ours[i]["pathology_masks"][key] >= last).all(), "the union holds the last outline"


def test_shenzhen_opens_too(peer: Any, tmp_path: Path) -> None:
    imgpath = f"{xrv_core.miniature('nlmtb', tmp_path)['imgpath']}/ChinaSet_AllFiles"
    theirs, ours = (library.datasets.NLMTB_Dataset(imgpath) for library in (peer, xrv))
    assert ours.csv["fname"].tolist() == theirs.csv["fname"].tolist()
    np.testing.assert_array_equal(ours.labels, theirs.labels)


def test_vinbrain_is_vindr(peer: Any) -> None:
    assert xrv.datasets.VinBrain_Dataset is xrv.datasets.VinDr_Dataset
    assert peer.datasets.VinBrain_Dataset is peer.datasets.VinDr_Dataset
