"""Official releases as people have them: other extensions, other folders, archives, what systems leave in them."""

from __future__ import annotations

import io
import logging
import os
import pickle
import shutil
import tarfile
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from messages import says
from PIL import Image

import xrv_core as xrv
from xrv_core.datasets import ImageSource, write_dicom
from xrv_core.errors import ArgumentError, ImageMissing

EVERY = ("nih", "chexpert", "mimic", "padchest", "brax", "covid19", "hannover", "objectcxr", "openi", "ralo", "tbx11k")
STEMS = ("rsna", "siim", "vinbrain")


@pytest.fixture
def mini(name: str, tmp_path: Path) -> dict[str, Any]:
    found = xrv.miniature(name, tmp_path / "release")
    if name == "padchest":  # without its broken image
        for path in found["imgpath"].rglob("*.png"):
            if path.stat().st_size < 100:
                path.unlink()
    if name == "objectcxr":
        shutil.unpack_archive(found["imgpath"], tmp_path / "release/images")
        found["imgpath"] = tmp_path / "release/images"
    return found


def pictures(mini: dict[str, Any]) -> list[Path]:
    found = [p for p in Path(mini["imgpath"]).rglob("*") if p.suffix in (".png", ".jpg", ".dcm", ".dicom")]
    return sorted(p for p in found if "annotations" not in p.parts)


def grey(path: Path) -> Any:
    image = Image.open(path)
    if image.mode.startswith("I"):
        return (np.asarray(image) >> 8).astype(np.uint8)
    return np.asarray(image.convert("L"))


def convert(path: Path, extension: str) -> None:
    """Another file of the same image; DICOM of its grey levels."""
    if extension == ".DCM":
        write_dicom(path.with_suffix(extension), grey(path).astype(np.uint16), BitsStored=8)
    else:
        image = Image.fromarray(grey(path))
        image.save(path.with_suffix(extension), "JPEG" if "j" in extension else extension[1:].upper(), quality=95)
    path.unlink()


def same_items(one: Any, other: Any) -> None:
    """Each image is that of its row: only copies of it are as near."""
    assert one.csv["source_uid"].tolist() == other.csv["source_uid"].tolist()
    np.testing.assert_array_equal(one.labels, other.labels)
    pictures = [d[i]["img"] for d in (one, other) for i in range(len(d))]
    mine, theirs = pictures[: len(one)], pictures[len(one) :]
    for i, image in enumerate(mine):
        assert (image - theirs[i]).abs().mean() < 25


@pytest.mark.parametrize("extension", [".jpg", ".PNG", ".DCM", ".png.jpeg"])
@pytest.mark.parametrize("name", EVERY)
def test_copies_with_another_extension(
    name: str, extension: str, mini: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    once = xrv.get_dataset(name, **mini)
    kept = [once[i]["img"] for i in range(len(once))]
    for path in pictures(mini):
        if path.suffix != extension:
            convert(path, extension)
    with caplog.at_level(logging.WARNING):
        d = xrv.get_dataset(name, **mini)
        late = xrv.get_dataset(name, **mini, on_error="defer")
    assert d.csv.equals(once.csv)
    for i, image in enumerate(kept):
        assert (d[i]["img"] - image).abs().mean() < 25
        assert late[i]["img"].equal(d[i]["img"])
    official = {Path(once.image_name(i)).suffix.lower() for i in range(len(once))}
    if official != {extension.lower()}:
        assert f"as {extension.lower()}" in caplog.text


@pytest.mark.parametrize("name", ["nih"])
def test_masks_and_boxes_of_copies(name: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini, pathology_masks=True)
    kept = [once[i]["pathology_masks"] for i in range(len(once))]
    for path in pictures(mini):
        convert(path, ".jpg")
    d = xrv.get_dataset(name, **mini, pathology_masks=True)
    for i, masks in enumerate(kept):
        found = d[i]["pathology_masks"]
        assert found.keys() == masks.keys()
        assert all(torch.equal(found[k], masks[k]) for k in masks)
    assert any(kept)


@pytest.mark.parametrize("name", ["nih", "mimic"])
def test_mixed_extensions(name: str, mini: dict[str, Any]) -> None:
    paths = pictures(mini)
    for path in paths[:3]:
        convert(path, ".tiff")
    with pytest.raises(ImageMissing, match=says("3 of the 8", "Extensions are mixed", "3 .tiff")):
        xrv.get_dataset(name, **mini)
    assert len(xrv.get_dataset(name, **mini, on_error="skip")) == 5
    for path in paths[3:]:
        convert(path, ".tiff")
    for path in paths:
        shutil.copy(path.with_suffix(".tiff"), path.with_suffix(".bmp"))
    with pytest.raises(ImageMissing, match=says("8 of the images", "as many as", "imgpath")):
        xrv.get_dataset(name, **mini)


@pytest.mark.parametrize("name", STEMS)
def test_an_extension_that_was_asked_for_is_not_replaced(name: str, mini: dict[str, Any]) -> None:
    for path in pictures(mini):
        path.rename(path.with_suffix(".DCM"))
    assert xrv.get_dataset(name, **mini).extension == ".dcm"
    with pytest.raises(ImageMissing):
        xrv.get_dataset(name, **mini, extension=".png")


@pytest.mark.parametrize("name", ["vinbrain"])
def test_boxes_are_not_laid_on_copies_of_unknown_size(name: str, mini: dict[str, Any]) -> None:
    for path in pictures(mini):
        Image.new("L", (10, 10), 100).save(path.with_suffix(".tiff"))
        path.unlink()
    assert not xrv.get_dataset(name, **mini).csv["has_masks"].any()
    with pytest.raises(ArgumentError, match=says(".tiff", "sizes=")):
        xrv.get_dataset(name, **mini, pathology_masks=True)


# -- folders


def moved(mini: dict[str, Any], old: str, new: str) -> Path:
    """The folder ``old`` of the release, moved to ``new``."""
    root = Path(mini["imgpath"])
    while root.name != "release":
        root = root.parent
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(root / old, root / new)
    return root / new.split("/", maxsplit=1)[0]


WGET = [
    ("mimic", "files", "physionet.org/files/mimic-cxr-jpg/2.0.0/files"),
    ("mimic", "files", "mimic-cxr-jpg-2.1.0.physionet.org/files"),
    ("chexpert", "CheXpert-v1.0-small", "data/chexpertchestxrays-u20210408/CheXpert-v1.0"),
    ("chexpert", "CheXpert-v1.0-small/train", "full/CheXpert-v1.0 batch 2 (train 1)"),
    ("padchest", "images", "BIMCV-PadChest/FULL/images-224"),
    ("brax", "images", "physionet.org/files/brax/1.1.0/images"),
    ("nih", "images", "CXR8/images_001/images"),
    ("vinbrain", "train", "physionet.org/files/vindr-cxr/1.0.0/train"),
    ("tbx11k", "TBX11K/imgs", "TBX11K/TBX/imgs"),
]


@pytest.mark.parametrize(("name", "old", "new"), WGET)
def test_trees_of_other_folders(name: str, old: str, new: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini)
    kept = [once[i]["img"] for i in range(len(once))]
    tables = [p for p in Path(mini["imgpath"]).parent.rglob("*.csv") if old in str(p)]
    if tables:
        mini["csvpath"] = shutil.copy(tables[0], tables[0].parent.parent / "kept.csv")
    if not (Path(mini["imgpath"]).parents[0] / old.rsplit("/", maxsplit=1)[-1]).exists() and name == "nih":
        mini["imgpath"].rename(mini["imgpath"].parent / "images")
        mini["imgpath"] = mini["imgpath"].parent / "images"
    top = moved(mini, old, new)
    roots = [top, *(top.parent / Path(*Path(new).parts[:n]) for n in range(2, len(Path(new).parts) + 1))]
    for root in roots if name != "tbx11k" else [top]:
        for imgpath in (root, root.parent / "." / root.name):
            d = xrv.get_dataset(name, **{**mini, "imgpath": imgpath})
            assert len(d) == len(once)
            assert all(d[i]["img"].equal(image) for i, image in enumerate(kept))


@pytest.mark.parametrize("name", ["mimic"])
def test_part_of_mimic(name: str, mini: dict[str, Any]) -> None:
    """One folder of its tree, and all files in one folder."""
    once = xrv.get_dataset(name, **mini)
    for part in (mini["imgpath"] / "p99", mini["imgpath"] / "p99/p99000001"):
        d = xrv.get_dataset(name, **{**mini, "imgpath": part}, on_error="skip")
        assert len(d) == (8 if part.name == "p99" else 3)
        assert d[0]["img"].equal(once[0]["img"])
    flat = mini["imgpath"].parent / "flat"
    flat.mkdir()
    for path in pictures(mini):
        shutil.copy(path, flat)
    same_items(xrv.get_dataset(name, **{**mini, "imgpath": flat}), once)


@pytest.mark.parametrize("name", ["chexpert"])
def test_names_that_many_patients_have_are_no_proof(name: str, mini: dict[str, Any]) -> None:
    """view1_frontal.jpg of one patient is not that of another one."""
    gone = mini["imgpath"] / "train/patient90001"
    shutil.rmtree(gone)
    with pytest.raises(ImageMissing, match=says("1 of the 6", "patient90001", "that path", "every folder")):
        xrv.get_dataset(name, **mini)
    shutil.move(mini["imgpath"] / "train/patient90004/study1/view1_frontal.jpg", mini["imgpath"] / "train")
    assert len(xrv.get_dataset(name, **mini, on_error="skip")) == 4
    (mini["imgpath"] / "train").rename(mini["imgpath"] / "batch 2")
    assert len(xrv.get_dataset(name, **mini, on_error="skip")) == 4


@pytest.mark.parametrize("name", ["table"])
def test_own_tables_are_found_by_the_whole_path(name: str, mini: dict[str, Any]) -> None:
    root = mini["imgpath"].parent
    once = xrv.get_dataset(name, **mini)
    shutil.move(mini["imgpath"], root / "deep/er")
    plain = {"masks": {}, "csvpath": mini["csvpath"], "columns": mini["columns"]}
    same_items(xrv.get_dataset(name, root / "deep", **plain), xrv.get_dataset(name, root / "deep/er", **plain))
    shutil.move(root / "deep/er/a/1.png", root / "deep/er/1.png")
    with pytest.raises(ImageMissing, match=says("1 of the 4", "a/1.png", "that path")):
        xrv.get_dataset(name, root / "deep", **plain)
    assert len(once) == 4


# -- archives in folders


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", [*EVERY, *STEMS])
def test_a_folder_of_archives(name: str, kind: str, mini: dict[str, Any], tmp_path: Path) -> None:
    once = xrv.get_dataset(name, **mini)
    kept = [once[i]["img"] for i in range(len(once))]
    box = tmp_path / "box"
    box.mkdir()
    root = Path(mini["imgpath"])
    parts = [p for p in root.iterdir() if p.is_dir() and p.name != "annotations"]
    for part in parts or [root]:
        shutil.make_archive(
            str(box / part.name),
            kind,
            part if part.name.isdigit() else part.parent,
            "." if part.name.isdigit() else part.name,
        )
    if name == "tbx11k":
        shutil.copytree(root / "annotations", box / "annotations")
    d = xrv.get_dataset(name, **{**mini, "imgpath": box})
    assert all(d[i]["img"].equal(image) for i, image in enumerate(kept))
    again = pickle.loads(pickle.dumps(d))
    assert again[1]["img"].equal(kept[1])
    if hasattr(os, "fork") and name in ("padchest", "mimic"):
        with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
            found = list(pool.map(d.pixels, range(len(d))))
        assert all(np.array_equal(f, image.numpy()) for f, image in zip(found, kept, strict=True))


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_archives_are_as_if_unpacked_beside(tmp_path: Path) -> None:
    zipped(tmp_path / "0.zip", {"a.png": b"a"})
    zipped(tmp_path / "deep/1.ZIP", {"1/b.png": b"b", "__MACOSX/1/._b.png": b"junk"})
    zipped(tmp_path / "batch.zip", {"train/c.png": b"c"})
    (tmp_path / "d.png").write_bytes(b"d")
    (tmp_path / "0").mkdir()
    (tmp_path / "0/e.png").write_bytes(b"e")
    source = ImageSource(tmp_path)
    names = {"0/a.png": b"a", "deep/1/b.png": b"b", "batch/train/c.png": b"c", "d.png": b"d", "0/e.png": b"e"}
    assert source.missing([*names]) == []
    assert {name: source.read(name) for name in names} == names
    assert source.place("0/a.png") == tmp_path / "0.zip"
    by_name = pickle.loads(pickle.dumps(ImageSource(tmp_path, by_name=True)))
    assert [by_name.read(name) for name in ("a.png", "b.png", "c.png", "d.png")] == [b"a", b"b", b"c", b"d"]


def test_names_that_two_archives_have(tmp_path: Path) -> None:
    for number in range(2):
        zipped(tmp_path / f"{number}.zip", {"a.png": b"%d" % number})
    with pytest.raises(ArgumentError, match=says("'a.png'", "not a unique", "0/a.png", "1/a.png")):
        ImageSource(tmp_path, by_name=True).read("a.png")
    assert ImageSource(tmp_path, by_name=True).read("1/a.png") == b"1"


def test_masks_in_an_archive_are_no_images(tmp_path: Path) -> None:
    """An archive of the same names as unpacked files is another copy: nothing is taken from it."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"image")
    zipped(tmp_path / "masks.zip", {"a.png": b"mask", "b.png": b"mask"})
    source = ImageSource(tmp_path, by_name=True)
    assert source.read("a.png") == b"image"
    assert source.missing(["b.png"]) == [0]
    assert "masks.zip" in source.passed_over[0]


@pytest.mark.parametrize("name", ["nih"])
def test_archives_that_cannot_be_read_are_named(name: str, mini: dict[str, Any]) -> None:
    first = pictures(mini)[0]
    first.unlink()
    (mini["imgpath"] / "images_002.tar.gz").write_bytes(b"\x1f\x8b")
    (mini["imgpath"] / "half.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(ImageMissing, match=says("images_002.tar.gz", "compressed", "half.zip", "damaged")):
        xrv.get_dataset(name, **mini)


# -- what systems leave


@pytest.mark.parametrize("stray", ["README", "Thumbs.db", "._top", ".DS_Store", "licence.txt", "__MACOSX/._x/._a.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_stray_files_do_not_keep_the_top_folder(kind: str, stray: str, tmp_path: Path) -> None:
    files = {stray: b"x", "top/sub/a.png": b"a", "top/._a.png": b"x", "top/sub/._a.png": b"x", "top/.DS_Store": b"x"}
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        zipped(path, files)
    else:
        with tarfile.open(path, "w") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(f"./{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    source = ImageSource(path)
    assert source.read("sub/a.png") == source.read("top/sub/a.png") == b"a"
    assert [n for n in source.names() if n.endswith(".png")] == ["sub/a.png"]


@pytest.mark.parametrize("name", ["nih", "mimic"])
def test_files_of_macos_are_no_images(name: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini)
    for path in pictures(mini):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (mini["imgpath"] / "Thumbs.db").write_bytes(b"x")
    same_items(xrv.get_dataset(name, **mini), once)
    assert not [n for n in once.source.names() if "._" in n]
    junk = next(mini["imgpath"].rglob("._*")).relative_to(mini["imgpath"]).as_posix()
    for by_name in (True, False):
        with pytest.raises(ImageMissing):
            ImageSource(mini["imgpath"], by_name=by_name).read(junk)
