"""Metadata tables, label matrices and masks."""

from __future__ import annotations

import csv
import gzip
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says

from xrv_core.datasets import boxes_mask, common_columns, fit_mask, read_table, substring_labels, term_labels
from xrv_core.datasets.tables import csvfiles
from xrv_core.datasets.tables.reading import joined
from xrv_core.errors import MissingColumns, PathMissing, TableError

# -- reading


def test_identifiers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,long,n\n007,20536686640136348236148679891455886468,1\n,1,2\n")
    table = read_table(path, text=("id", "long", "not there"), owner="toy")
    assert table["id"].tolist()[0] == "007"
    assert pd.isna(table["id"][1])
    assert table["long"].tolist() == ["20536686640136348236148679891455886468", "1"]
    assert table["n"].dtype == np.int64


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip"])
def test_packed_tables_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.csv{suffix}"
    pd.DataFrame({"a": [1, 2]}).to_csv(path, index=False)
    assert read_table(path, needs=["a"], owner="toy")["a"].tolist() == [1, 2]


def test_a_missing_table_or_a_folder(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "t.csv", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(PathMissing, match=says(path, what, "train.csv of 'toy'")):
            read_table(path, owner="toy", expected="train.csv")


def test_a_table_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    with pytest.raises(TableError, match=says(path, "header but no rows", "'toy'")):
        read_table(path, owner="toy")


def test_missing_columns_are_all_named_and_the_others_shown(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",".join(f"c{i}" for i in range(14)) + "\n" + ",".join("0" * 14) + "\n")
    shown = ", ".join(f"'c{i}'" for i in range(12))
    with pytest.raises(
        MissingColumns, match=says(path, "'toy'", "missing columns 'x', 'y'", shown, "and 2 more", "train.csv")
    ):
        read_table(path, needs=("c1", "x", "y"), owner="toy", expected="train.csv")


@pytest.mark.parametrize("damage", ["empty", "text", "short gz", "two in a zip", "short xz", "locked zip"])
def test_a_table_that_cannot_be_parsed(tmp_path: Path, damage: str) -> None:
    suffix = {"gz": ".csv.gz", "ip": ".zip", "xz": ".csv.xz"}.get(damage[-2:], ".csv")
    path = tmp_path / f"t{suffix}"
    if damage == "text":
        path.write_bytes(b'a,b\n1,2\n3,"4\n')
    elif damage == "short gz":
        path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-20])
    elif damage == "two in a zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", "a\n1\n")
            archive.writestr("b.csv", "a\n1\n")
    elif damage == "short xz":
        pd.DataFrame({"a": range(500)}).to_csv(path, index=False)
        path.write_bytes(path.read_bytes()[:-30])
    elif damage == "locked zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", "a\n1\n")
        data = bytearray(path.read_bytes())
        data[6] |= 1  # "encrypted", in the header of the member and in the directory
        data[data.index(b"PK\1\2") + 8] |= 1
        path.write_bytes(data)
    else:
        path.write_bytes(b"")
    with pytest.raises(TableError, match=f"^{re.escape(str(path))}: cannot be read as a CSV table for 'toy': "):
        read_table(path, owner="toy")


# -- common columns


def test_what_a_source_does_not_know_is_unknown() -> None:
    csv = common_columns(pd.DataFrame({"file": ["x", "y"]}, index=[5, 9]), {"source_uid": ["t:x", "t:y"]})
    assert csv.columns.tolist() == [
        *["file", "patientid", "view", "offset_day_int", "age_years", "sex", "has_masks", "source_uid"]
    ]
    assert csv.index.equals(pd.RangeIndex(2))
    assert csv[["patientid", "offset_day_int", "age_years", "sex"]].isna().all(axis=None)
    assert csv["view"].tolist() == ["UNKNOWN", "UNKNOWN"]
    assert csv["has_masks"].tolist() == [False, False]
    assert [str(t) for t in csv.dtypes[1:]] == ["str", "str", "Int64", "float64", "str", "bool", "str"]


def test_columns_have_their_types_whatever_they_are_made_of() -> None:
    table = pd.DataFrame({"view": ["pa", "ap"], "n": [1, 2]})
    values = {
        "patientid": pd.Series([3, 4], index=[8, 2]),
        "view": pd.Series(["PA", None], index=[1, 0]),
        "offset_day_int": [1.0, np.nan],
        "age_years": pd.Series([50, 51]),
        "sex": ["M", "unknown"],
        "has_masks": np.array([True, False]),
        "source_uid": ["t:1", "t:2"],
    }
    csv = common_columns(table, values)
    assert csv["patientid"].tolist() == ["3", "4"]
    assert csv["view"].tolist() == ["PA", "UNKNOWN"]
    assert csv["offset_day_int"].tolist() == [1, pd.NA]
    assert csv["sex"].isna().tolist() == [False, True]
    assert [str(csv[c].dtype) for c in values] == ["str", "str", "Int64", "float64", "str", "bool", "str"]
    assert csv["n"].tolist() == [1, 2]
    assert csv.columns.is_unique


# -- labels

WORDS = ["Mass", "Nodule", "pseudonodule", "Nodule/Mass", "mass", ""]
CELLS = st.lists(st.one_of(st.none(), st.lists(st.sampled_from(WORDS), max_size=3).map(" | ".join)), min_size=1)
TERMS = st.dictionaries(st.sampled_from(["A", "B", "C"]), st.lists(st.sampled_from(WORDS[:5]), min_size=1, max_size=2))


@given(cells=CELLS, terms=TERMS)
def test_term_labels_are_the_plain_definition(cells: list[str | None], terms: dict[str, list[str]]) -> None:
    matrix = term_labels(pd.Series(cells, dtype=object), terms)
    assert (matrix.dtype, matrix.shape) == (np.float32, (len(cells), len(terms)))
    for cell, row in zip(cells, matrix, strict=True):
        for names, value in zip(terms.values(), row, strict=True):
            found = [t.strip() for t in (cell or "").split("|")]
            expected = np.nan if not (cell or "").strip() else float(any(n in found for n in names))
            np.testing.assert_equal(float(value), expected)


@given(cells=CELLS, terms=TERMS)
def test_substring_labels_are_what_str_contains_says(cells: list[str | None], terms: dict[str, list[str]]) -> None:
    column = pd.Series(cells, dtype=object)
    matrix = substring_labels(column, terms)
    expected = [column.fillna("").str.contains("|".join(names)).tolist() for names in terms.values()]
    np.testing.assert_array_equal(matrix, np.array(expected, dtype=np.float32).reshape(len(terms), len(cells)).T)


def test_the_two_rules_differ_as_they_should() -> None:
    cells = pd.Series(["pseudoNodule", "Nodule", "E.Coli", "EXColi", None])
    terms = {"Nodule": ["Nodule"], "E.Coli": ["E.Coli"]}
    np.testing.assert_array_equal(term_labels(cells, terms), [[0, 0], [1, 0], [0, 1], [0, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(substring_labels(cells, terms), [[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]])


def test_no_label_at_all_is_a_matrix_without_columns() -> None:
    for rule in (term_labels, substring_labels):
        assert rule(pd.Series(["a", "b"]), {}).shape == (2, 0)


# -- masks

SIZE = st.integers(1, 12)
NUMBER = st.floats(-15, 15, allow_nan=False)


@settings(max_examples=300)
@given(x=NUMBER, y=NUMBER, w=st.floats(0, 20), h=st.floats(0, 20), height=SIZE, width=SIZE)
def test_a_box_covers_the_pixels_whose_centres_it_holds(
    x: float, y: float, w: float, h: float, height: int, width: int
) -> None:
    mask = boxes_mask([(x, y, w, h)], (height, width))
    assert (mask.shape, mask.dtype) == ((1, height, width), np.float32)
    assert set(np.unique(mask)) <= {0.0, 1.0}
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = np.outer((rows >= y) & (rows < y + h), (columns >= x) & (columns < x + w))
    left_over = max(x, 0) < min(x + w, width) and max(y, 0) < min(y + h, height)
    if inside.any():
        np.testing.assert_array_equal(mask[0], inside)
    else:
        assert bool(mask.any()) or not left_over
    if x + w < 0 or y + h < 0 or x >= width or y >= height:
        assert not mask.any()


def test_boxes_are_scaled_to_the_image_and_united() -> None:
    boxes = [(256.0, 512.0, 512.0, 256.0), (0.0, 0.0, 64.0, 64.0)]
    mask = boxes_mask(boxes, (16, 32), drawn_on=(1024, 1024))[0]
    expected = np.zeros((16, 32))
    expected[8:12, 8:24] = 1
    expected[0, :2] = 1
    np.testing.assert_array_equal(mask, expected)


@given(height=SIZE, width=SIZE, times=st.integers(1, 4))
def test_a_mask_fits_another_size_with_its_own_values(height: int, width: int, times: int) -> None:
    mask = np.arange(height * width, dtype=np.float32).reshape(1, height, width)
    larger = fit_mask(mask, (height * times, width * times))
    np.testing.assert_array_equal(larger, mask.repeat(times, axis=1).repeat(times, axis=2))
    np.testing.assert_array_equal(fit_mask(larger, (height, width)), mask)


# -- texts

CELLS = st.sampled_from(["1", "007", "1.50", "", "NA", "a", "True", "False", "1e5", " 2", '"3"', "x,y", "é", "None"])


@settings(max_examples=100, deadline=None)
@given(columns=st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=2, max_size=3), data=st.data())
def test_texts_are_the_cells_and_other_columns_what_pandas_gives(
    columns: list[list[str]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [[data.draw(st.sampled_from(cells)) for cells in columns] for _ in range(data.draw(st.integers(1, 6)))]
    path = tmp_path_factory.mktemp("texts") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[f"c{i}" for i in range(len(columns))], *rows])
    expected = pd.read_csv(path, low_memory=False)
    for i, name in enumerate(["c0", "c1"]):
        expected[name] = pd.Series([row[i] or None for row in rows], dtype="str")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvfiles, "_SMALL", 0)
        patch.setattr(csvfiles, "_FIRST_ROWS", 2)
        found = read_table(path, text=["c0", "c1", "not there"], owner="toy")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


# -- joining

KEYS = st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=6)


@given(rows=KEYS, others=KEYS)
def test_tables_are_joined_as_by_a_merge_that_takes_the_first_of_many(rows: list[str], others: list[str]) -> None:
    table = pd.DataFrame({"id": pd.Series(rows, dtype="str"), "n": range(len(rows))})
    numbers = np.arange(len(others))
    more = pd.DataFrame({"key": pd.Series(others, dtype="str"), "whole": numbers, "text": [f"t{i}" for i in numbers]})
    more["text"] = more["text"].astype("str")
    known = more.dropna(subset="key").drop_duplicates("key")
    expected = table.merge(known, left_on="id", right_on="key", how="left").drop(columns="key")
    pd.testing.assert_frame_equal(joined(table, more, on="id", key="key"), expected)
