"""The SIIM-ACR Pneumothorax challenge: one item an image, the union of its outlines, headers, files."""

from __future__ import annotations

import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from messages import says
from PIL import Image

import xrv_core as xrv
from xrv_core.datasets import siim_rle_mask
from xrv_core.errors import ArgumentError, ImageError, MissingColumns, TableError
from xrv_siim.plugin import xrv_datasets

ID = "1.2.276.0.7230010.3.1.4.8323329.9000{}.1517870000.900000"


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("siim", tmp_path / "mini")


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def write(path: Path, new: list[str]) -> None:
    path.write_text("\n".join(new) + "\n")


def test_the_hook_offers_it() -> None:
    assert [spec.name for spec in xrv_datasets()] == ["siim"]
    assert "siim" in xrv.list_datasets()


def test_one_item_an_image(mini: dict[str, Any]) -> None:
    assert len(lines(mini["csvpath"])) == 1 + 7, "seven rows"
    d = xrv.get_dataset("siim", **mini)
    assert d.pathologies == ["Pneumothorax"]
    np.testing.assert_array_equal(d.labels, [[0], [1], [0], [1], [0]])
    assert d.csv["outlines"].tolist() == [0, 1, 0, 3, 0]
    assert d.csv["has_masks"].tolist() == [False, True, False, True, False]
    assert d.csv["source_uid"].tolist() == [f"siim:{ID.format(n)}" for n in range(1, 6)]
    assert d[0]["img"].shape == (1, 96, 96)
    assert d.views == ["UNKNOWN"]
    for column in ("patientid", "sex", "age_years", "offset_day_int"):
        assert d.csv[column].isna().all()


def test_a_mask_is_the_union_of_the_outlines_at_the_size_of_the_image(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("siim", **mini, pathology_masks=True)
    assert [bool(d[i]["pathology_masks"]) for i in range(5)] == d.csv["has_masks"].tolist()
    mask = d[3]["pathology_masks"][0]
    y, x = (np.mgrid[:96, :96] + 0.5) * 1024 / 96
    parts = ((300, 330, 70, 160), (700, 420, 40, 120), (310, 480, 50, 90))
    expected = np.any([((x - a) / r) ** 2 + ((y - b) / s) ** 2 < 1 for a, b, r, s in parts], axis=0)
    assert mask.shape == (1, 96, 96)
    assert (mask[0].numpy() != expected).mean() < 0.005
    full = d.pathology_masks_of(3, (1024, 1024))["Pneumothorax"]
    outlines = d.why(3, "Pneumothorax")["EncodedPixels"]
    assert len(outlines) == 3
    np.testing.assert_array_equal(full, np.max([siim_rle_mask(rle) for rle in outlines], axis=0))


def test_why(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("siim", **mini)
    assert d.why(0, "Pneumothorax") == {"EncodedPixels": ["-1"]}
    (rle,) = d.why(1, "Pneumothorax")["EncodedPixels"]
    assert lines(mini["csvpath"])[2] == f"{ID.format(2)}, {rle}"


def test_headers_tell_view_sex_and_age_when_asked(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("siim", **mini, read_headers=True)
    assert d.csv["view"].tolist() == ["PA", "PA", "PA", "AP", "AP"]
    assert d.csv["sex"].tolist() == ["M", "F", "F", "M", "M"]
    assert d.csv["age_years"].tolist() == [57, 33, 80, 1, 61]
    assert len(xrv.get_dataset("siim", **mini, read_headers=True, views="AP")) == 2
    with pytest.raises(ArgumentError, match=says("'siim'", "patients", "leave unique_patients out")):
        xrv.get_dataset("siim", **mini, read_headers=True, unique_patients=True)


def test_headers_need_dicom_files(mini: dict[str, Any], tmp_path: Path) -> None:
    text = "read_headers=True needs the DICOM files"
    with pytest.raises(ArgumentError, match=text):
        xrv.get_dataset("siim", csvpath=mini["csvpath"], read_headers=True)
    (tmp_path / "png").mkdir()
    for name in xrv.get_dataset("siim", **mini).csv["ImageId"]:
        Image.new("L", (8, 8)).save(tmp_path / "png" / f"{name}.png")
    with pytest.raises(ArgumentError, match=text):
        xrv.get_dataset("siim", tmp_path / "png", mini["csvpath"], read_headers=True)


def test_a_damaged_header_is_named(mini: dict[str, Any]) -> None:
    (path,) = mini["imgpath"].rglob(f"{ID.format(3)}.dcm")
    path.write_bytes(b"no DICOM at all")
    with pytest.raises(ImageError, match=f"{path.name}: .*DICOM header .*Download.*without reading headers"):
        xrv.get_dataset("siim", **mini, read_headers=True)


@pytest.mark.parametrize("layout", ["flat", "tar", "png"])
def test_other_layouts_give_equal_items(mini: dict[str, Any], tmp_path: Path, layout: str) -> None:
    tree = xrv.get_dataset("siim", **mini, pathology_masks=True)
    root = tmp_path / layout
    root.mkdir()
    for i in range(5):
        (path,) = mini["imgpath"].rglob(tree.image_name(i))
        if layout == "png":
            pixels = np.rint((tree[i]["img"][0].numpy() / 2048 + 0.5) * 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / f"{path.stem}.png")
        else:
            shutil.copy(path, root)
    if layout == "tar":
        with tarfile.open(tmp_path / "siim.tar", "w") as archive:
            archive.add(root, "siim/dicom-images-train")
        root = tmp_path / "siim.tar"
        headers = xrv.get_dataset("siim", root, mini["csvpath"], read_headers=True)
        assert headers.csv["age_years"].tolist() == [57, 33, 80, 1, 61]
    d = xrv.get_dataset("siim", root, mini["csvpath"], pathology_masks=True)
    assert d.extension == (".png" if layout == "png" else ".dcm")
    for i in range(5):
        assert torch.equal(d[i]["img"], tree[i]["img"])
        assert d[i]["pathology_masks"].keys() == tree[i]["pathology_masks"].keys()


@pytest.mark.parametrize("header", ["ImageId,EncodedPixels", "ImageId, EncodedPixels"])
def test_the_tables_of_both_stages_open(mini: dict[str, Any], header: str) -> None:
    """Kaggle's table of stage 1 has blanks in the header and before every cell, also before -1."""
    write(mini["csvpath"], [header, *(line.replace(",-1", ", -1") for line in lines(mini["csvpath"])[1:])])
    assert xrv.get_dataset("siim", **mini).csv["outlines"].tolist() == [0, 1, 0, 3, 0]


def test_a_table_without_any_outline(mini: dict[str, Any]) -> None:
    write(mini["csvpath"], [line for line in lines(mini["csvpath"]) if len(line) < 100])
    d = xrv.get_dataset("siim", **mini, pathology_masks=True)
    assert d.totals() == {"Pneumothorax": {0.0: 3}}


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("siim", **mini, pathology_masks=True).subset([1, 3])
    loader = torch.utils.data.DataLoader(d, batch_size=1, num_workers=2, multiprocessing_context="fork")
    for i, batch in enumerate(loader):
        assert torch.equal(batch["img"][0], d[i]["img"])
        assert torch.equal(batch["pathology_masks"][0][0], d[i]["pathology_masks"][0])
    assert torch.equal(pickle.loads(pickle.dumps(d))[1]["img"], d[1]["img"])


# -- wrong tables


def test_rows_that_contradict_each_other(mini: dict[str, Any]) -> None:
    write(mini["csvpath"], [*lines(mini["csvpath"]), f"{ID.format(2)},-1"])
    with pytest.raises(TableError, match=says(mini["csvpath"], "lines", repr(ID.format(2)), "'EncodedPixels'")):
        xrv.get_dataset("siim", **mini)


@pytest.mark.parametrize("row", [f"{ID.format(6)},", ",-1"])
def test_a_blank_cell(mini: dict[str, Any], row: str) -> None:
    write(mini["csvpath"], [*lines(mini["csvpath"]), row])
    with pytest.raises(TableError, match=says(mini["csvpath"], "line 9", "ImageId", "EncodedPixels", "'-1'")):
        xrv.get_dataset("siim", **mini)


def test_an_outline_that_is_none(mini: dict[str, Any]) -> None:
    write(mini["csvpath"], ["ImageId, EncodedPixels", *(f"{ID.format(n)}, 5 oops" for n in range(1, 6))])
    d = xrv.get_dataset("siim", **mini, pathology_masks=True)
    with pytest.raises(TableError, match=f"csv, {ID.format(1)}: '5 oops' is not a run-length encoding"):
        d[0]


def test_another_table(mini: dict[str, Any]) -> None:
    write(mini["csvpath"], ["ImageId,Mask", "1,2"])
    with pytest.raises(
        MissingColumns,
        match=says(mini["csvpath"], "'siim'", "missing column 'EncodedPixels'", "'ImageId', 'Mask'", "train-rle.csv"),
    ):
        xrv.get_dataset("siim", **mini)
