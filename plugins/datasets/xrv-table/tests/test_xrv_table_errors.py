"""What is wrong with a table, said in whole sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from messages import says

import xrv_core as xrv
from xrv_core.errors import ArgumentError, ImageMissing, MissingColumns, PathMissing, TableError

PLAIN = {"image": "file", "labels": ["Effusion", "Mass"]}
KEYS = "image, labels, findings, separator, patient, view, age, sex, day, masks, extension, delimiter, collection"


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    paths = xrv.miniature("table", tmp_path / "study")
    del paths["columns"]  # it lies next to the table, where it is found
    return paths


@pytest.fixture
def toml(mini: dict[str, Any]) -> Path:
    path: Path = mini["csvpath"].parent / "table.toml"
    return path


def test_nothing_says_which_column_means_what(mini: dict[str, Any], toml: Path) -> None:
    toml.unlink()
    labels, image = ("labels=[...]", "findings=..."), ("image=...",)
    for given, wanted in (({}, image + labels), ({"image": "file"}, labels), ({"findings": "x"}, image)):
        words = (mini["csvpath"], *wanted, toml, "'file', 'patient'", "'lung_mask'", "card of xrv-table")
        with pytest.raises(TableError, match=says(*words)) as error:
            xrv.get_dataset("table", **mini, **given)
        unasked = {*image, *labels}.difference(wanted)
        assert not any(option in str(error.value) for option in unasked)


def test_missing_tables_and_columns(mini: dict[str, Any], toml: Path) -> None:
    obtain = xrv.describe_dataset("table").obtain
    with pytest.raises(ArgumentError, match=says("'table'", "csvpath=", obtain)):
        xrv.get_dataset("table", mini["imgpath"], **PLAIN)
    with pytest.raises(PathMissing, match=says(toml.parent / "no.csv", "no such file", "metadata table of 'table'")):
        xrv.get_dataset("table", csvpath=toml.parent / "no.csv")
    with pytest.raises(
        MissingColumns,
        match=says(mini["csvpath"], "'table'", "missing columns 'File', 'Edema'", "'file', 'patient'", "'lung_mask'"),
    ):
        xrv.get_dataset("table", **mini, image="File", labels=["Edema"])


@pytest.mark.parametrize(
    ("column", "cell", "rule"),
    [
        ("Mass", "maybe", "a label is 1, true or yes; 0, false or no; or blank where it is unknown"),
        ("Mass", "-1", "a label is 1, true or yes; 0, false or no; or blank where it is unknown"),
        ("years", "old", "an age is a number of years, or as in DICOM: 058Y, 011M, 006W, 004D"),
        ("taken", "last week", "a day is a number in every row, or a date such as 2020-01-31 in every row"),
        ("taken", "5", "a day is a number in every row, or a date such as 2020-01-31 in every row"),
        ("taken", "20201331", "a day is a number in every row, or a date such as 2020-01-31 in every row"),
    ],
)
def test_a_cell_that_means_nothing_is_named(mini: dict[str, Any], column: str, cell: str, rule: str) -> None:
    table = pd.read_csv(mini["csvpath"], dtype=str)
    table.loc[2, column] = cell
    table.to_csv(mini["csvpath"], index=False)
    with pytest.raises(
        TableError, match=says(mini["csvpath"], "image 'b/3.png'", f"column {column!r}", repr(cell), rule)
    ):
        xrv.get_dataset("table", **mini)


def test_a_row_without_an_image(mini: dict[str, Any]) -> None:
    table = pd.read_csv(mini["csvpath"], dtype=str)
    table.loc[1, "file"] = " "
    table.to_csv(mini["csvpath"], index=False)
    with pytest.raises(TableError, match=says(mini["csvpath"], "1 of 4 rows of 'table'", "no image")):
        xrv.get_dataset("table", **mini)


def test_missing_images_and_masks(mini: dict[str, Any]) -> None:
    (mini["imgpath"] / "masks/2-effusion.png").unlink()
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"],
            "1 of the 2 masks",
            "'effusion_mask'",
            mini["csvpath"],
            "'masks/2-effusion.png'",
            "Check the column",
        ),
    ):
        xrv.get_dataset("table", **mini)
    (mini["imgpath"] / "a/2.png").unlink()
    d = xrv.get_dataset("table", **mini, on_error="skip")
    assert (len(d), d.skipped, d.csv["has_masks"].tolist()) == (3, ["a/2.png"], [True, True, False])


def test_masks_that_nobody_named(mini: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=says("'table'", "no semantic masks", "leave semantic_masks out")):
        xrv.get_dataset("table", **mini, masks={}, semantic_masks=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('imgae = "file"', ("unknown key 'imgae'", KEYS)),
        (
            "image = ",
            ("TOML", "at end of document", "card of xrv-table"),
        ),
    ],
)
def test_a_toml_that_cannot_be_read(mini: dict[str, Any], toml: Path, content: str, words: tuple[str, ...]) -> None:
    toml.write_text(content)
    with pytest.raises(TableError, match=says(toml, *words)):
        xrv.get_dataset("table", **mini)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("labels", "Mass", ("no labels", "['Effusion', 'Mass']")),
        ("labels", 3, ()),
        ("masks", ["m"], ()),
        ("patient", 7, ("text",)),
    ],
)
def test_a_value_of_the_wrong_kind(
    mini: dict[str, Any], toml: Path, key: str, value: Any, words: tuple[str, ...]
) -> None:
    with pytest.raises(ArgumentError, match=says(f"{key}={value!r}", *words)):
        xrv.get_dataset("table", **mini, **{key: value})
    toml.write_text(f"{key} = {value!r}\n")
    with pytest.raises(ArgumentError, match=says(toml, key, repr(value), *words)):
        xrv.get_dataset("table", **mini)
