"""Datasets made of image files and a table."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import random
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says
from PIL import Image

from xrv_core import Asset, DatasetSpec
from xrv_core.assets import asset_path
from xrv_core.datasets import FileDataset, Index, term_labels
from xrv_core.errors import (
    ArgumentError,
    ImageError,
    ImageMissing,
    ImagePathError,
    MissingColumns,
    PathMissing,
    TableError,
)

SPEC = DatasetSpec(
    name="toy",
    title="A toy",
    factory="toy:Toy",
    licence="CC0",
    citation="none",
    homepage="https://example.org",
    obtain="Draw it.",
    pathologies=("Mass", "Nodule"),
)


class Files(FileDataset):
    needs = ("file", "who", "findings")
    text = ("who",)

    def build(self, table: pd.DataFrame) -> Index:
        return Index.of(
            table,
            images=table["file"],
            labels=term_labels(table["findings"], {name: [name] for name in self.spec.pathologies}),
            patientid=table["who"],
            source_uid="toy:" + table["file"],
        )


class Found(Files):
    """Its labels are what the table holds, and it keeps some rows only."""

    def build(self, table: pd.DataFrame) -> Index:
        table = table[table["who"] != "nobody"]
        names = sorted(set(table["findings"].str.split("|").explode().dropna()))
        labels = term_labels(table["findings"], {name: [name] for name in names})
        return super().build(table)._replace(labels=labels, pathologies=names)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three images in two folders, and a table."""
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 5), dtype=np.uint8)).save(path)
    write(tmp_path, "a/1.png,007,Mass|Nodule", "a/2.png,007,", "b/3.png,8,Nodule")
    return tmp_path


def write(folder: Path, *rows: str) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(["file,who,findings", *rows]) + "\n")
    return path


def files(data: Path, cls: type[FileDataset] = Files, **options: Any) -> FileDataset:
    return cls(SPEC, data / "images", data / "table.csv", **options)


def test_table_labels_and_pixels_belong_together(data: Path) -> None:
    d = files(data)
    assert d.csv["patientid"].tolist() == ["007", "007", "8"]
    assert d.csv.columns.tolist()[:3] == ["file", "who", "findings"]
    np.testing.assert_array_equal(d.labels, [[1, 1], [np.nan, np.nan], [0, 1]])
    stored = np.asarray(Image.open(data / "images/b/3.png"), dtype=np.float32)
    np.testing.assert_allclose(d[2]["img"][0], stored / 255 * 2048 - 1024, atol=1e-3)
    assert d.image_name(2) == "b/3.png"


def test_labels_may_depend_on_the_table(data: Path) -> None:
    write(data, "a/1.png,007,Mass|Toe", "a/2.png,nobody,Hand", "b/3.png,8,Toe")
    d = files(data, Found)
    assert d.pathologies == ["Mass", "Toe"]
    np.testing.assert_array_equal(d.labels, [[1, 1], [0, 1]])
    assert d.image_name(1) == "b/3.png"


def test_no_row_left_is_an_error(data: Path) -> None:
    path = write(data, "a/1.png,nobody,Mass")
    with pytest.raises(TableError, match=says(path, "none of its 1 rows", "'toy'")):
        files(data, Found)


def test_a_row_without_an_image_name_is_an_error(data: Path) -> None:
    path = write(data, "a/1.png,1,Mass", ",1,Mass")
    with pytest.raises(TableError, match=says(path, "1 of 2 rows of 'toy'", "no image")):
        files(data)


def test_folder_zip_and_tar_give_equal_items(data: Path) -> None:
    names = ("a/1.png", "a/2.png", "b/3.png")
    with zipfile.ZipFile(data / "images.zip", "w") as archive:
        for name in names:
            archive.write(data / "images" / name, name)
    with tarfile.open(data / "images.tar", "w") as archive:
        for name in names:
            archive.add(data / "images" / name, name)
    folder = files(data)
    for source in ("images.zip", "images.tar"):
        packed = Files(SPEC, data / source, data / "table.csv")
        for i in range(3):
            assert torch.equal(packed[i]["img"], folder[i]["img"])


def test_it_opens_without_images_but_gives_none(data: Path) -> None:
    d = Files(SPEC, csvpath=data / "table.csv")
    assert d.totals() == {"Mass": {0.0: 1, 1.0: 1}, "Nodule": {1.0: 2}}
    with pytest.raises(ArgumentError, match=says("'toy'", "without imgpath", "imgpath=...", "Draw it.")):
        d[0]


def test_a_missing_image_is_named_and_counted(data: Path) -> None:
    path = write(data, "a/1.png,1,Mass", "c/1.png,1,", "a/9.png,1,")
    with pytest.raises(
        ImageMissing, match=says(data / "images", "2 of the 3 images", path, "'c/1.png'", "imgpath", 'on_error="skip"')
    ):
        files(data)
    d = files(data, on_error="skip")
    assert d.skipped == ["c/1.png", "a/9.png"]
    assert d.csv["file"].tolist() == ["a/1.png"]
    assert d[0]["img"].shape == (1, 6, 5)


def test_a_missing_image_can_wait_until_its_item_is_asked_for(data: Path) -> None:
    write(data, "a/1.png,1,Mass", "c/1.png,1,")
    d = files(data, on_error="defer")
    assert (len(d), d.skipped) == (2, [])
    assert d[0]["img"].shape == (1, 6, 5)
    with pytest.raises(ImageMissing, match=says(data / "images", "'c/1.png'", "imgpath")):
        d[1]


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_no_image_at_all_is_always_an_error(data: Path, on_error: str) -> None:
    path = write(data, "x.png,1,Mass")
    with pytest.raises(
        ImageMissing, match=says(data / "images", "1 of the 1 images", path, "'x.png'", "imgpath", "not one image")
    ):
        files(data, on_error=on_error)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("name", ["../table.csv", "/etc/hostname"])
def test_a_path_outside_is_refused(data: Path, name: str, on_error: str) -> None:
    write(data, "a/1.png,1,Mass", f"{name},1,Mass")
    with pytest.raises(ImagePathError, match=re.escape(repr(name))):
        files(data, on_error=on_error)


def test_a_damaged_image_is_named(data: Path) -> None:
    broken = data / "images/a/2.png"
    broken.write_bytes(broken.read_bytes()[:40])
    d = files(data)
    assert d[0]["img"].shape == (1, 6, 5)
    with pytest.raises(ImageError, match=f"^{re.escape(str(broken))}: "):
        d[1]


def test_a_wrong_table_names_every_missing_column(data: Path) -> None:
    path = data / "table.csv"
    path.write_text("file,age\na/1.png,3\n")
    with pytest.raises(MissingColumns, match=says(path, "'toy'", "missing columns 'who', 'findings'", "'file', 'age'")):
        files(data)


def test_a_missing_table_is_named(data: Path) -> None:
    with pytest.raises(PathMissing, match=says(data / "no.csv", "no such file", "metadata table of 'toy'")):
        Files(SPEC, data / "images", data / "no.csv")


def test_a_missing_folder_is_named(data: Path) -> None:
    with pytest.raises(PathMissing, match=says(data / "no", "no such folder or archive", "imgpath")):
        Files(SPEC, data / "no", data / "table.csv")


def test_without_a_public_table_csvpath_is_needed(data: Path) -> None:
    with pytest.raises(ArgumentError, match=says("'toy'", "csvpath=", "Draw it.")):
        Files(SPEC, data / "images")


def test_the_public_table_is_taken_from_the_cache_and_checked(data: Path) -> None:
    table = (data / "table.csv").read_bytes()
    url = "https://example.invalid/official.csv"
    asset = Asset(name="toy/official.csv", urls=(url,), sha256=hashlib.sha256(table).hexdigest())
    spec = dataclasses.replace(SPEC, tables=(asset,))
    asset_path(asset).parent.mkdir(parents=True)
    asset_path(asset).write_bytes(table)
    d = Files(spec, data / "images")
    assert (len(d), d.csvpath) == (3, asset_path(asset))


def test_messages_name_the_official_table(data: Path) -> None:
    spec = dataclasses.replace(SPEC, tables=(Asset(name="toy/official.csv", urls=("https://example.invalid/",)),))
    with pytest.raises(PathMissing, match=says(data / "no.csv", "no such file", "official.csv of 'toy'")):
        Files(spec, data / "images", data / "no.csv")
    (data / "table.csv").write_text("file,who\na/1.png,3\n")
    with pytest.raises(
        MissingColumns,
        match=says(data / "table.csv", "'toy'", "missing column 'findings'", "'file', 'who'", "official.csv"),
    ):
        Files(spec, data / "images", data / "table.csv")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_error": "ignore"}, ("on_error='ignore'", "raise, skip, defer")),
        ({"labels": "loose"}, ("labels='loose'", "strict, torchxrayvision")),
    ],
)
def test_a_policy_that_does_not_exist(data: Path, options: dict[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentError, match=says(*words)):
        files(data, **options)


def test_a_subclass_must_define_build(data: Path) -> None:
    with pytest.raises(TableError, match=r"Sub does not define build\(table\)"):
        files(data, type("Sub", (FileDataset,), {}))


@pytest.mark.parametrize("on_error", ["skip", "defer"])
def test_labels_do_not_depend_on_which_images_are_there(data: Path, on_error: str) -> None:
    write(data, "a/1.png,007,Mass|Toe", "a/2.png,nobody,Hand", "b/9.png,8,Nose")
    d = files(data, Found, on_error=on_error)
    assert d.pathologies == ["Mass", "Nose", "Toe"]
    assert d.labels[0].tolist() == [1, 0, 1]


def test_nothing_touches_the_global_random_state(data: Path) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    d = files(data, unique_patients=True)
    assert d[0]["img"].shape == (1, 6, 5)
    assert d.subset([0])[0]["idx"] == 0
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_it_can_be_pickled(data: Path) -> None:
    d = files(data)
    again = pickle.loads(pickle.dumps(d))
    assert torch.equal(again[1]["img"], d[1]["img"])
    assert again.csv.equals(d.csv)
