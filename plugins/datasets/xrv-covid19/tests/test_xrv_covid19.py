"""The COVID-19 Image Data Collection: findings, clinical columns, lung masks."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says
from PIL import Image

import xrv_core as xrv
from xrv_core.assets import asset_path
from xrv_core.errors import (
    ArgumentError,
    ImageError,
    ImageMissing,
    MissingColumns,
    OfflineError,
    PathMissing,
    TableError,
)
from xrv_covid19.plugin import COVID19, xrv_datasets


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("covid19", tmp_path / "mini")


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


def edit(path: Path, **columns: Any) -> None:
    table = pd.read_csv(path, dtype=str)
    for name, values in columns.items():
        table[name] = values
    table.to_csv(path, index=False)


# -- the miniature


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [COVID19]
    assert xrv.describe_dataset("covid19") == COVID19


def test_the_steps_of_a_finding_are_labels_and_ct_is_left_out(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("covid19", **mini)
    assert d.pathologies == ["Bacterial", "COVID-19", "No Finding", "Pneumonia", "Streptococcus", "Viral"]
    positive = [{d.pathologies[k] for k in np.flatnonzero(row == 1)} for row in d.labels]
    covid = {"COVID-19", "Pneumonia", "Viral"}
    bacterial = {"Bacterial", "Pneumonia", "Streptococcus"}
    assert positive == [covid, covid, covid, bacterial, {"No Finding"}, {"Pneumonia"}, set()]
    assert np.isnan(d.labels[6]).all(), "nobody has told yet"
    assert not np.isnan(d.labels[:6]).any()
    assert d.views == ["AP", "AP Supine", "L", "PA"]
    assert d.why(0, "Viral") == {"finding": "Pneumonia/Viral/COVID-19"}


def test_common_columns(mini: dict[str, Any]) -> None:
    csv = xrv.get_dataset("covid19", **mini).csv
    assert csv["patientid"].tolist() == ["901", "901", "901", "902a", "902b", "903", "904"]
    assert csv["offset_day_int"].tolist() == [0, 3, 3, pd.NA, -4, 12, 7]
    np.testing.assert_array_equal(csv["age_years"], [65, 65, 65, np.nan, 34, 71, 50])
    assert csv["sex"].fillna("?").tolist() == ["M", "M", "M", "F", "?", "F", "M"]
    assert csv["source_uid"][0] == "covid19:toy-901-day0.jpg"
    assert csv["license"].unique().tolist() == ["CC0"]


def test_days_are_whole_and_text_is_no_day(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], offset=["0.5", "-0.5", "7", "a few", "", "1", "2", "3"])
    csv = xrv.get_dataset("covid19", **mini).csv
    assert csv["offset_day_int"].tolist() == [0, -1, 7, pd.NA, pd.NA, 1, 2]


def test_unique_patients_keeps_the_first_day(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("covid19", **mini, unique_patients=True)
    assert d.csv["filename"].tolist()[:2] == ["toy-901-day0.jpg", "toy-902a.png"]
    assert len(d) == 5


def test_early_tables_list_findings_with_commas(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], finding=["COVID-19, ARDS", "COVID-19", "SARS", "ARDS", "No Finding", "Unknown", "", "SARS"])
    d = xrv.get_dataset("covid19", **mini)
    assert d.pathologies == ["ARDS", "COVID-19", "No Finding", "SARS"]
    np.testing.assert_array_equal(d.labels[:4], [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
    assert np.isnan(d.labels[5:]).all()


def test_masks_are_lungs_and_a_black_file_is_none(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("covid19", **mini, semantic_masks=True)
    assert d.csv["has_masks"].tolist() == [True, True, False, False, False, False, False]
    assert [list(d[i]["semantic_masks"]) for i in range(7)] == [["Lungs"], ["Lungs"], *[[]] * 5]
    sample = d[0]
    mask = sample["semantic_masks"]["Lungs"]
    assert mask.shape == sample["img"].shape
    assert mask.unique().tolist() == [0.0, 1.0]
    inside, outside = sample["img"][mask == 1], sample["img"][(mask == 0) & (sample["img"] > -900)]
    assert inside.mean() < outside.mean() - 500, "the lungs are dark"


def test_what_hides_the_lung_is_not_lung_and_size_follows_the_image(mini: dict[str, Any]) -> None:
    grey = np.zeros((54, 50), np.uint8)
    grey[10:20, 5:15] = 255
    grey[10:20, 30:40] = 127
    data = io.BytesIO()
    Image.fromarray(grey).save(data, format="PNG")
    with zipfile.ZipFile(mini["lungmasks"], "w") as archive:
        archive.writestr("semantic_masks_v7labs_lungs/toy-903.jpg", data.getvalue())
    d = xrv.get_dataset("covid19", **mini, semantic_masks=True)
    mask = d[5]["semantic_masks"]["Lungs"][0]
    assert mask.shape == (108, 100)
    assert torch.equal(mask[20:40, 10:30], torch.ones(20, 20))
    assert mask.sum() == 400


def test_masks_from_the_unpacked_folder(mini: dict[str, Any], tmp_path: Path) -> None:
    packed = xrv.get_dataset("covid19", **mini, semantic_masks=True)
    zipfile.ZipFile(mini["lungmasks"]).extractall(tmp_path / "unpacked")
    d = xrv.get_dataset("covid19", **{**mini, "lungmasks": tmp_path / "unpacked"}, semantic_masks=True)
    assert torch.equal(d[1]["semantic_masks"]["Lungs"], packed[1]["semantic_masks"]["Lungs"])


def test_nothing_is_fetched_that_was_not_asked_for(mini: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_OFFLINE", "1")
    del mini["lungmasks"]
    assert not xrv.get_dataset("covid19", **mini).csv["has_masks"].any()
    with pytest.raises(OfflineError, match="semantic_masks_v7labs_lungs"):
        xrv.get_dataset("covid19", **mini, semantic_masks=True)
    with pytest.raises(OfflineError, match="covid19/metadata"):
        xrv.get_dataset("covid19", mini["imgpath"])


def test_the_repository_as_githubs_zip_is_read_in_place(mini: dict[str, Any], tmp_path: Path) -> None:
    plain = xrv.get_dataset("covid19", **mini)
    with zipfile.ZipFile(tmp_path / "repository.zip", "w") as archive:
        archive.write(mini["csvpath"], "covid-chestxray-dataset-master/metadata.csv")
        for path in mini["imgpath"].iterdir():
            archive.write(path, f"covid-chestxray-dataset-master/images/{path.name}")
    d = xrv.get_dataset("covid19", **{**mini, "imgpath": tmp_path / "repository.zip"})
    assert all(torch.equal(d[i]["img"], plain[i]["img"]) for i in range(7))


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("covid19", **mini, semantic_masks=True).subset([0, 1])
    loader = torch.utils.data.DataLoader(d, batch_size=1, num_workers=2, multiprocessing_context="fork")
    for i, batch in enumerate(loader):
        assert torch.equal(batch["img"][0], d[i]["img"])
        assert torch.equal(batch["semantic_masks"]["Lungs"][0], d[i]["semantic_masks"]["Lungs"])
    assert torch.equal(pickle.loads(pickle.dumps(d))[0]["img"], d[0]["img"])


# -- bad input


def test_missing_and_damaged_images(mini: dict[str, Any]) -> None:
    (mini["imgpath"] / "toy-903.jpg").unlink()
    broken = mini["imgpath"] / "toy-904.png"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"], "1 of the 7 images", mini["csvpath"], "'toy-903.jpg'", "imgpath", 'on_error="skip"'
        ),
    ):
        xrv.get_dataset("covid19", **mini)
    d = xrv.get_dataset("covid19", **mini, on_error="skip")
    assert d.skipped == ["toy-903.jpg"]
    with pytest.raises(ImageError, match=re.escape(str(broken))):
        d[5]


def test_a_damaged_mask_is_named(mini: dict[str, Any]) -> None:
    with zipfile.ZipFile(mini["lungmasks"], "w") as archive:
        archive.writestr("semantic_masks_v7labs_lungs/toy-903.jpg", b"no image")
    with pytest.raises(ImageError, match=f"^{re.escape(str(mini['lungmasks']))}/toy-903.jpg: "):
        xrv.get_dataset("covid19", **mini)


def test_wrong_arguments(mini: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=says("'covid19'", "no pathology masks", "leave pathology_masks out")):
        xrv.get_dataset("covid19", **mini, pathology_masks=True)
    with pytest.raises(PathMissing, match=f"^{re.escape(str(tmp_path / 'no.zip'))}: no such folder or archive."):
        xrv.get_dataset("covid19", **{**mini, "lungmasks": tmp_path / "no.zip"})
    (tmp_path / "wrong.csv").write_text("patientid,offset,sex,age,finding,view,file\n1,2,M,4,5,6,7\n")
    with pytest.raises(
        MissingColumns,
        match=says(
            tmp_path / "wrong.csv",
            "'covid19'",
            "missing columns 'modality', 'filename'",
            "'patientid', 'offset'",
            "metadata.csv",
        ),
    ):
        xrv.get_dataset("covid19", mini["imgpath"], tmp_path / "wrong.csv")


def test_a_table_of_ct_only(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], modality="CT")
    with pytest.raises(TableError, match=says(mini["csvpath"], "none of its 8 rows", "'covid19'")):
        xrv.get_dataset("covid19", **mini)


# -- beside torchxrayvision 1.5.7


@pytest.mark.parity
def test_torchxrayvision_opens_our_miniature_and_agrees(mini: dict[str, Any], reference: Any) -> None:
    theirs = reference.COVID19_Dataset(mini["imgpath"], mini["csvpath"], views=["PA", "AP", "AP Supine", "L"])
    same(xrv.get_dataset("covid19", **mini, labels="torchxrayvision"), theirs)


@pytest.mark.parity
def test_their_substring_rule_is_reproduced(mini: dict[str, Any], reference: Any) -> None:
    """ "Pneumonia" is found in "Pneumonia-like", the dot of "E.Coli" in "EXColi", and a blank finding is all zeros."""
    found = ["Pneumonia", "Pneumonia-like", "E.Coli", "EXColi", "Viral/SARS", "", "todo", "SARS"]
    edit(mini["csvpath"], finding=found)
    theirs = reference.COVID19_Dataset(mini["imgpath"], mini["csvpath"], views=["PA", "AP", "AP Supine", "L"])
    d = xrv.get_dataset("covid19", **mini, labels="torchxrayvision")
    same(d, theirs)
    assert d.totals()["Pneumonia"][1.0] == 2
    strict = xrv.get_dataset("covid19", **mini)
    assert strict.totals()["Pneumonia"][1.0] == strict.totals()["E.Coli"][1.0] == 1


def same(ours: Any, theirs: Any, pixels: range = range(5)) -> None:
    assert ours.csv["filename"].tolist() == theirs.csv["filename"].tolist()
    assert ours.pathologies == [str(name) for name in theirs.pathologies]
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    for i in pixels:
        np.testing.assert_array_equal(ours[i]["img"].numpy(), theirs[i]["img"])


@pytest.mark.parity
def test_the_mask_asset_is_the_packaged_file(xrv_tables: Path) -> None:
    asset = COVID19.tables[1]
    data = (xrv_tables / "semantic_masks_v7labs_lungs.zip").read_bytes()
    assert (asset.sha256, asset.size) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.realdata
@pytest.mark.parity
def test_real_images_labels_and_masks_are_theirs(realdata: Path, xrv_tables: Path, reference: Any) -> None:
    imgpath, csvpath = realdata / "covid19/images", realdata / "covid19/metadata.subset.csv"
    asset_path(COVID19.tables[1]).parent.mkdir(parents=True)
    shutil.copy(xrv_tables / "semantic_masks_v7labs_lungs.zip", asset_path(COVID19.tables[1]))
    theirs = reference.COVID19_Dataset(imgpath, csvpath, semantic_masks=True)
    ours = {p: xrv.get_dataset("covid19", imgpath, csvpath, labels=p) for p in ("strict", "torchxrayvision")}
    stored = [np.asarray(Image.open(imgpath / name)) for name in theirs.csv["filename"]]
    grey = [i for i, s in enumerate(stored) if s.ndim == 2 or (s[..., :1] == s[..., :3]).all()]
    assert len(grey) == 14, "of colour they take the red channel, we the luminance"
    same(ours["torchxrayvision"], theirs, range(0, 0))
    np.testing.assert_array_equal(ours["strict"].labels, theirs.labels)
    assert ours["strict"].totals() == {
        "ARDS": {0.0: 18, 1.0: 1},
        "COVID-19": {0.0: 6, 1.0: 13},
        "No Finding": {0.0: 16, 1.0: 3},
        "Pneumocystis": {0.0: 17, 1.0: 2},
    }
    d = xrv.get_dataset("covid19", imgpath, csvpath, semantic_masks=True)
    assert int(d.csv["has_masks"].sum()) == 13
    for i in range(19):
        sample, other = d[i], theirs[i]
        if i in grey:
            np.testing.assert_array_equal(sample["img"].numpy(), other["img"])
        assert sample["img"].shape == other["img"].shape
        assert sample["semantic_masks"].keys() == other["semantic_masks"].keys()
        for name, mask in sample["semantic_masks"].items():
            np.testing.assert_array_equal(mask.numpy(), other["semantic_masks"][name])
