"""What is wrong with a table, said in whole sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from messages import whole

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
    labels = "labels=[...] (the columns of labels, or none) or findings=... (a column of terms)"
    rest = (
        f", or write it into {toml}. The table has 'file', 'patient', 'taken', 'projection', 'years', 'gender', "
        "'Effusion', 'Mass', 'effusion_mask', 'lung_mask'. The card of xrv-table lists the keys."
    )
    image = "image=... (the column of file names)"
    start = f"{mini['csvpath']}: which column means what? Pass "
    for given, what in (({}, f"{image} and {labels}"), ({"image": "file"}, labels), ({"findings": "x"}, image)):
        with pytest.raises(TableError, match=whole(start + what + rest)):
            xrv.get_dataset("table", **mini, **given)


def test_missing_tables_and_columns(mini: dict[str, Any], toml: Path) -> None:
    obtain = xrv.describe_dataset("table").obtain
    text = f"'table' has no public metadata table: pass csvpath=.... How to obtain it: {obtain}"
    with pytest.raises(ArgumentError, match=whole(text)):
        xrv.get_dataset("table", mini["imgpath"], **PLAIN)
    text = f"{toml.parent / 'no.csv'}: no such file. Give the path of the metadata table of 'table'."
    with pytest.raises(PathMissing, match=whole(text)):
        xrv.get_dataset("table", csvpath=toml.parent / "no.csv")
    text = (
        f"{mini['csvpath']}: 'table' needs the missing columns 'File', 'Edema'; the table has 'file', 'patient', "
        "'taken', 'projection', 'years', 'gender', 'Effusion', 'Mass', 'effusion_mask', 'lung_mask'."
    )
    with pytest.raises(MissingColumns, match=whole(text)):
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
    text = f"{mini['csvpath']}, image 'b/3.png', column {column!r}: {cell!r} means nothing: {rule}."
    with pytest.raises(TableError, match=whole(text)):
        xrv.get_dataset("table", **mini)


def test_a_row_without_an_image(mini: dict[str, Any]) -> None:
    table = pd.read_csv(mini["csvpath"], dtype=str)
    table.loc[1, "file"] = " "
    table.to_csv(mini["csvpath"], index=False)
    with pytest.raises(TableError, match=whole(f"{mini['csvpath']}: 1 of 4 rows of 'table' name no image.")):
        xrv.get_dataset("table", **mini)


def test_missing_images_and_masks(mini: dict[str, Any]) -> None:
    (mini["imgpath"] / "masks/2-effusion.png").unlink()
    text = (
        f"{mini['imgpath']}: 1 of the 2 masks that column 'effusion_mask' of {mini['csvpath']} names are not there; "
        "the first is 'masks/2-effusion.png'. Check the column, or leave the mask out."
    )
    with pytest.raises(ImageMissing, match=whole(text)):
        xrv.get_dataset("table", **mini)
    (mini["imgpath"] / "a/2.png").unlink()
    d = xrv.get_dataset("table", **mini, on_error="skip")
    assert (len(d), d.skipped, d.csv["has_masks"].tolist()) == (3, ["a/2.png"], [True, True, False])


def test_masks_that_nobody_named(mini: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=whole("'table' has no semantic masks: leave semantic_masks out.")):
        xrv.get_dataset("table", **mini, masks={}, semantic_masks=True)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('imgae = "file"', f"unknown key 'imgae'. Keys are: {KEYS}."),
        (
            "image = ",
            "cannot be read as TOML: Invalid value (at end of document). The card of xrv-table lists the keys.",
        ),
    ],
)
def test_a_toml_that_cannot_be_read(mini: dict[str, Any], toml: Path, content: str, what: str) -> None:
    toml.write_text(content)
    with pytest.raises(TableError, match=whole(f"{toml}: {what}")):
        xrv.get_dataset("table", **mini)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("labels", "Mass", "names no labels. Give a list such as ['Effusion', 'Mass'], or a table."),
        ("labels", 3, "names no labels. Give a list such as ['Effusion', 'Mass'], or a table."),
        ("masks", ["m"], "names no masks. Give a table such as {'Effusion': 'a column'}."),
        ("patient", 7, "is no text, such as the name of a column."),
    ],
)
def test_a_value_of_the_wrong_kind(mini: dict[str, Any], toml: Path, key: str, value: Any, what: str) -> None:
    with pytest.raises(ArgumentError, match=whole(f"{key}={value!r} {what}")):
        xrv.get_dataset("table", **mini, **{key: value})
    toml.write_text(f"{key} = {value!r}\n")
    with pytest.raises(ArgumentError, match=whole(f"{toml}: {key} = {value!r} {what}")):
        xrv.get_dataset("table", **mini)
