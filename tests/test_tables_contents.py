"""What a file is, is seen from its bytes; days and numbers are days and numbers, or an error that names the place."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from messages import says

from xrv_core.datasets import BLANK_WORDS, dates_in, days_from_first, read_table, row_place, whole_days
from xrv_core.errors import ArgumentError, MissingColumns, MissingDependency, TableError

TEXT = "id,share\n007,1.5\nNA,2\n"
NA = pd.NA


def zipped(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def tarred(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return file.getvalue()


TABLES = {
    "plain": TEXT.encode(),
    "byte order mark": TEXT.encode("utf-8-sig"),
    "gzip": gzip.compress(TEXT.encode()),
    "bzip2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "gzip twice": gzip.compress(gzip.compress(TEXT.encode())),
    "utf-16": TEXT.encode("utf-16"),
    "utf-16 of the other end": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "utf-16 without a mark": TEXT.encode("utf-16-le"),
    "utf-32": TEXT.encode("utf-32"),
    "old line ends": TEXT.replace("\n", "\r").encode(),
    "zip": zipped({"t.csv": TEXT}),
    "zip of macOS": zipped(
        {"d/": "", "d/t.csv": TEXT, "__MACOSX/d/._t.csv": "x", "d/._t.csv": "x", "d/.DS_Store": "x"}
    ),
    "zip with a readme": zipped({"README.txt": "read me", "t.csv": TEXT}),
    "zip with the expected one": zipped({"other.csv": "a\n1\n", "toy.csv": TEXT}),
    "tar.gz": gzip.compress(tarred({"./t.csv": TEXT, "./._t.csv": "x"})),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".zip", ".parquet"])
def test_a_table_is_read_whatever_its_name(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(TABLES[kind])
    found = read_table(path, needs=["id"], text=["id"], owner="toy", expected="toy.csv.gz")
    assert found.to_dict("list") == {"id": ["007", "NA"], "share": [1.5, 2.0]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<?xml version='1.0'?><html>", "web page"),
        (b"\xef\xbb\xbf\n<html>", "web page"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image (PNG)"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (bytes(range(256)) * 20, "binary data"),
        (b'{"images": []}', "JSON"),
        (b" \n\n", "empty"),
        (zipped({"a.csv": "a\n1\n", "b.csv": "a\n1\n"}), "holds 2 files (a.csv, b.csv)"),
        (zipped({"__MACOSX/._a.csv": "x"}), "holds 0 files"),
        (zipped({"content.xml": "x", "mimetype": "x"}), "OpenDocument"),
        (TEXT.replace("007", "M\xfcller").encode("latin-1"), "line 2: cannot be read as UTF-8 text"),
    ],
)
def test_what_is_no_table_says_so(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(TableError, match=says(path, words)):
        read_table(path, owner="toy")


def test_an_encoding_may_be_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("id\nM\xfcller\n".encode("latin-1"))
    assert read_table(path, owner="toy", encoding="latin-1")["id"].tolist() == ["M\xfcller"]


def test_a_workbook_is_read_where_openpyxl_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}))
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingDependency, match=says(path, "Save it as CSV", "pip install openpyxl")):
        read_table(path, owner="toy")
    monkeypatch.undo()
    pytest.importorskip("openpyxl")
    pd.DataFrame({"id": ["007", "NA"], "share": [1.5, None]}).to_excel(path, index=False)
    assert read_table(path, text=["id"], owner="toy")["id"].tolist() == ["007", "NA"]


def test_blank_words_are_those_of_pandas() -> None:
    cells = pd.read_csv(io.StringIO("\n".join(["a", *(f'"{word}"' for word in BLANK_WORDS), "x"])))["a"]
    assert cells.isna().tolist() == [True] * len(BLANK_WORDS) + [False]


# -- frames


def test_a_frame_of_any_types_is_as_its_file(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": [7.0, None, 8.0],
            "name": pd.Categorical(["NA", "b", None]),
            "n": pd.array([1, None, 3], dtype="Int64"),
            "text": ["1", "NA", "2.5"],
            "whole": pd.array([1, 2, 3], dtype="Int64"),
        },
        index=pd.Index(["x", "y", "z"], name="row"),
    )
    found = read_table(frame, text=["id", "name", "row"], owner="toy")
    assert found["row"].tolist() == ["x", "y", "z"]
    assert found["name"].tolist()[:2] == ["NA", "b"]
    assert found["name"].isna().tolist() == [False, False, True]
    assert found["id"].tolist()[0] == "7"
    assert [str(found[name].dtype) for name in ("n", "text", "whole")] == ["float64", "float64", "int64"]
    assert frame["n"].dtype == "Int64"
    assert isinstance(found.index, pd.RangeIndex)


def test_a_table_is_a_path_or_a_frame() -> None:
    with pytest.raises(ArgumentError, match="StringIO"):
        read_table(io.StringIO("a\n1\n"), owner="toy")  # type: ignore[arg-type]
    with pytest.raises(TableError, match="DataFrame"):
        read_table(pd.DataFrame({"a": []}), owner="toy")


# -- numbers, days and places

DATES = {
    "20200131": 30,
    "20200131120000": 30,
    "20200131120000.123456+0100": 30,
    "2020-01-31": 30,
    "2020-01-31T12:00": 30,
    "2020-01-31 23:59:59.5Z": 30,
    "2020/01/31": 30,
    "2020.01.31": 30,
    "20200131.0": 30,
    "": NA,
    "NA": NA,
}
NO_DATES = [
    "9999-12-31",
    "20201331",
    "2020",
    "inf",
    "1e300",
    "2" * 20,
    "20200131x",
    "31.01.2020",
    "00000000",
    "unknown",
]


@pytest.mark.parametrize("cell", DATES)
def test_dates_in_every_spelling(cell: str) -> None:
    found = days_from_first(pd.Series(["20200101", cell, "20200102"]), pd.Series(["a"] * 3), Path("t.csv"))
    assert found.tolist() == [0, DATES[cell], 1]


@pytest.mark.parametrize(
    "values", [[20200101, 20200131], [20200101000000.0, 20200131120000.0], [2.0200101e7, 20200131]]
)
def test_dates_that_are_numbers(values: list[Any]) -> None:
    assert days_from_first(pd.Series(values), pd.Series(["a", "a"])).tolist() == [0, 30]


def test_dates_that_are_datetimes() -> None:
    cells = pd.Series(pd.to_datetime(["2020-01-01 23:00", None, "2020-01-31 01:00"]))
    assert days_from_first(cells, pd.Series(["a"] * 3), Path("t.csv")).tolist() == [0, NA, 30]


@pytest.mark.parametrize("cell", NO_DATES)
def test_what_is_no_date_is_an_error_with_its_place(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f'note,day\n"two\nlines",20200101\n\nx,{cell}\n')
    table = read_table(path, owner="toy")
    with pytest.raises(TableError, match=says(path, "line 5", "'day'")):
        days_from_first(table["day"], pd.Series(["a", "a"]), path)
    assert pd.isna(dates_in(pd.Series([cell]))[0])


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e300", "9" * 20, "twenty", "20200131120000"])
def test_what_is_no_number_of_days_is_an_error_with_its_place(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"day,n\n1.5,1\n,2\n{cell},3\n")
    table = read_table(path, owner="toy")
    with pytest.raises(TableError, match=says(path, "line 4", "'day'")):
        whole_days(table["day"], path)
    assert whole_days(table["day"][:2], path).tolist() == [1, NA]


def test_columns_of_numbers_hold_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,n\nx,NA\ny,1\nz,\n")
    assert read_table(path, numbers=["n"], owner="toy")["n"].isna().tolist() == [True, False, True]
    path.write_text("a,n\nx,NA\ny,1\nz,1,\n\nv,one\n")
    with pytest.raises(TableError, match=says("t.csv, line 6", "'n'", "'one'", "number")):
        read_table(path, numbers=["n"], owner="toy")


def test_the_place_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('\n"a\nb",c\n1,"2\n3"\n\n4,5\n')
    assert [row_place(path, row) for row in (0, 1)] == [f"{path}, line 4", f"{path}, line 7"]
    assert row_place(Path("not there"), 3) == "not there, row 4"


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator_is_named(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"a{mark}b\n1{mark}2\n")
    with pytest.raises(MissingColumns, match=says("'a', 'b'", f"separated by {mark!r}")):
        read_table(path, needs=["a", "b"], owner="toy")
