"""The real tables that torchxrayvision packages: the same rows in the same order, and the same labels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrv_compat as xrv

pytestmark = [
    pytest.mark.parity,
    pytest.mark.usefixtures("real_tables_at_hand"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]

#: The column that names an image.
CASES = {
    "NIH_Dataset": "Image Index",
    "NIH_Google_Dataset": "Image Index",
    "RSNA_Pneumonia_Dataset": "patientId",
    "CheX_Dataset": "Path",
    "Openi_Dataset": "imageid",
    "VinDr_Dataset": "image_id",
}
#: Rows whose labels are those of one image here, and a mixture of several there.
MIXED = {"CheX_Dataset": 3197}


@pytest.mark.parametrize("cls", CASES)
def test_defaults(peer: Any, cls: str, tmp_path: Path) -> None:
    theirs, ours = (getattr(library.datasets, cls)(imgpath=str(tmp_path)) for library in (peer, xrv))
    column = CASES[cls]
    assert ours.string() == theirs.string()
    assert ours.csv[column].tolist() == theirs.csv[column].tolist()
    differ = ~((ours.labels == theirs.labels) | (np.isnan(ours.labels) & np.isnan(theirs.labels)))
    assert differ.any(axis=1).sum() == MIXED.get(cls, 0)
    if cls not in MIXED:
        assert ours.totals() == theirs.totals()


@pytest.mark.parametrize("cls", ["NIH_Dataset", "NIH_Google_Dataset", "RSNA_Pneumonia_Dataset"])
def test_all_views_and_patients(peer: Any, cls: str, tmp_path: Path) -> None:
    column, options = CASES[cls], {"views": ["*"], "unique_patients": False}
    if cls == "RSNA_Pneumonia_Dataset":
        del options["unique_patients"]
    theirs, ours = (getattr(library.datasets, cls)(imgpath=str(tmp_path), **options) for library in (peer, xrv))
    assert ours.csv[column].tolist() == theirs.csv[column].tolist()
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    for name in ("has_masks", "sex_male", "sex_female"):
        if name in theirs.csv:
            assert ours.csv[name].tolist() == theirs.csv[name].tolist()


@pytest.mark.slow
def test_padchest_keeps_two_patients_with_contradictory_years_of_birth(peer: Any, tmp_path: Path) -> None:
    theirs, ours = (library.datasets.PC_Dataset(imgpath=str(tmp_path)) for library in (peer, xrv))
    assert (len(theirs), len(ours)) == (61_688, 61_690)
    row = {name: i for i, name in enumerate(ours.csv["ImageID"])}
    rows = [row[name] for name in theirs.csv["ImageID"]]
    assert rows == sorted(rows)
    np.testing.assert_array_equal(ours.labels[rows], theirs.labels)


def test_one_image_is_enough(xrv_tables: Path, realdata: Path, tmp_path: Path) -> None:
    """As in torchxrayvision's tests: the other images of the table are asked for only when their items are."""
    image = next((realdata / "reference_images").glob("00000001_000.png"))
    shutil.copy(image, tmp_path)
    dataset = xrv.datasets.NIH_Dataset(imgpath=str(tmp_path))
    assert len(dataset) == 28_868
    assert dataset[0]["img"].shape == (1, 512, 512)
    with pytest.raises(FileNotFoundError):
        dataset[1]
