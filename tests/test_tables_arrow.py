"""The reader of big CSV files of texts: what pandas would give, bit for bit, or nothing."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from table_bench import every_file

from xrv_core.datasets import arrowcsv, read_table
from xrv_core.datasets.tables.arrowcsv import read_with_arrow
from xrv_core.errors import TableError

__all__ = ["every_file"]  # the fixture

CELLS = (
    *(
        "1",
        "2",
        "-3",
        "0",
        "1.5",
        "",
        "NA",
        "nan",
        "a",
        "True",
        "False",
        "TRUE",
        "1e5",
        "0x1F",
        "-0",
        "-0.0",
        "007",
        "1.",
    ),
    *("9223372036854775807", "9223372036854775808", "99999999999999999999999", "  1", "1 ", "+1", ".5", "-.5", "0.1"),
    *("123456789.123456", "1234567890.12345678", "3.141592653589793", "inf", "-inf", "é", "None", '"q"', '"a,b"'),
    *('"a""b"', '"x\ny"', '"x\r\ny"', '"1"', '""', '" "', "1-2", "1.2.3", "--1", ".", "-", "1_000", "٣", "2020-01-01"),
)
COLUMN = st.lists(st.sampled_from(CELLS), min_size=1, max_size=4)
TEXT = ("c0",)


def by_pandas(path: Path, text: tuple[str, ...] = TEXT) -> pd.DataFrame:
    return pd.read_csv(path, dtype=dict.fromkeys(text, str), low_memory=False)


def assert_identical(a: pd.DataFrame, b: pd.DataFrame) -> None:
    assert_frame_equal(a, b, check_exact=True, check_index_type="exact", check_column_type="exact")
    assert a.dtypes.tolist() == b.dtypes.tolist()
    for name in a:
        if a[name].dtype.kind in "fiub":
            assert a[name].to_numpy().tobytes() == b[name].to_numpy().tobytes()
        elif a[name].dtype == object:
            assert [(type(v), repr(v)) for v in a[name]] == [(type(v), repr(v)) for v in b[name]]


def check(path: Path, data: bytes, text: tuple[str, ...] = TEXT) -> bool:
    """Whether it was read; what was read is what pandas reads."""
    path.write_bytes(data)
    found = read_with_arrow(path, text)
    if found is not None:
        assert_identical(found, by_pandas(path, text))
    return found is not None


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arrow") / "table.csv"


@settings(max_examples=150, deadline=None)
@given(columns=st.lists(COLUMN, min_size=1, max_size=3), rows=st.integers(4, 9), data=st.data())
def test_cells_of_every_kind(path: Path, columns: list[list[str]], rows: int, data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    names = ",".join(f"c{i}" for i in range(len(columns)))
    lines = [names] + [",".join(data.draw(st.sampled_from(cells)) for cells in columns) for _ in range(rows)]
    check(path, (end.join(lines) + data.draw(st.sampled_from([end, ""]))).encode())


@settings(max_examples=150, deadline=None)
@given(body=st.text(alphabet=',,,\n\n\n\r"ab1 \t', min_size=8, max_size=50), columns=st.integers(1, 3))
def test_any_text(path: Path, body: str, columns: int) -> None:
    check(path, (",".join(f"c{i}" for i in range(columns)) + "\n" + body).encode())


GOOD = b"c0,c1,c2\na,1,\nb,2,x\nc,,y\nd,4,NA\n"


def test_plain_tables_are_read(path: Path) -> None:
    assert check(path, GOOD)
    assert check(path, GOOD.replace(b"\n", b"\r\n"))
    assert check(path, GOOD.rstrip(b"\n"))
    assert check(path.with_name("table.csv.gz"), gzip.compress(GOOD))
    assert check(path, b"c0,c1\n" + "".join(f'{i:05},"{"é" * 300}\n{i}"\n' for i in range(9000)).encode())


LEFT = {
    "a text that never ends": GOOD + b'e,5,"\n',
    "a record too long": GOOD + b"e,5,6,7\n",
    "a record too short": GOOD + b"e,5\n",
    "an index without a name": GOOD.replace(b"c0,", b""),
    "a lone return": GOOD.replace(b"b,2", b"b\r,2"),
    "a lone return at the end": GOOD + b'e,5,"x\r',
    "NUL": GOOD.replace(b"x", b"x\0y"),
    "no UTF-8": GOOD.replace(b"x", b"\xff"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "a row that starts with a blank": GOOD.replace(b"c,,", b" c,,"),
    "a header in quotes": GOOD.replace(b"c1", b'"c1"', 1),
    "names that are not unique": GOOD.replace(b"c1", b"c2", 1),
    "few rows": b"c0,c1\na,1\nb,2\n",
    "integers that are text with no blanks in it": b"c0,c1\na,9223372036854775808\nb,NA\nc,NA\nd,1\n",
    "such integers later on": b"c0,c1\na,1\nb,NA\nc,NA\nd,9223372036854775808\n",
    "no rows": b"c0,c1\n",
    "nothing": b"",
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_to_pandas(path: Path, what: str) -> None:
    assert not check(path, LEFT[what])


@pytest.mark.parametrize("harm", ["cut", "bit"])
def test_a_damaged_file_has_pandas_error(path: Path, harm: str) -> None:
    packed = bytearray(gzip.compress(b"c0,c1\n" + b"".join(b"%d,x\n" % i for i in range(9999))))
    packed = packed[:-20] if harm == "cut" else packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:]
    bad = path.with_name("bad.csv.gz")
    bad.write_bytes(packed)
    assert read_with_arrow(bad, ()) is None
    with pytest.raises(TableError, match="cannot be read as a CSV table for 'toy': "):
        read_table(bad, owner="toy")


def test_what_was_read_can_be_changed(path: Path) -> None:
    path.write_bytes(b"c0,c1,c2,c3\na,1,,1.5\nb,2,7,2.5\nc,3,,3.5\nd,4,8,4.5\n")
    found = read_with_arrow(path, TEXT)
    assert found is not None
    for column in range(4):
        found.iloc[0, column] = found.iloc[3, column]
    assert found.iloc[0].tolist() == found.iloc[3].tolist()


def test_the_missing_values_are_those_of_pandas() -> None:
    from pandas._libs.parsers import STR_NA_VALUES

    assert set(arrowcsv.NA) == STR_NA_VALUES


def test_numbers_or_few_texts_small_files_and_other_strings_are_left_to_pandas(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(path, GOOD)
    with monkeypatch.context() as patch:
        patch.setattr(arrowcsv, "_WORDY", 4)
        assert not check(path, GOOD)
    with monkeypatch.context() as patch:
        patch.setattr(arrowcsv, "_BIG", len(GOOD) + 1)
        assert not check(path, GOOD)
    with pd.option_context("mode.string_storage", "python"):
        assert not check(path, GOOD)


def test_read_table_takes_it_and_options_are_left_to_pandas(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(GOOD)
    calls: list[Any] = []
    monkeypatch.setattr(pd, "read_csv", lambda *a, real=pd.read_csv, **k: calls.append(a) or real(*a, **k))
    assert_identical(read_table(path, text=TEXT, owner="toy"), by_pandas(path))
    assert (path,) not in calls[:-1]
    read_table(path, text=TEXT, owner="toy", skiprows=1)
    assert calls[-1] == (path,)


@pytest.mark.parity
def test_the_real_tables(xrv_tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrowcsv, "_FIRST_ROWS", 100)
    text = ("ImageID", "StudyID", "PatientID", "Labels", "image_id", "ImageId", "imageid")
    left = []
    for file in sorted(xrv_tables.glob("*.csv.gz")):
        found = read_with_arrow(file, text)
        if found is None:
            left.append(file.name)
        else:
            assert_identical(found, by_pandas(file, text))
    # the header of one ends with nameless columns; the other has long numbers beside blanks
    assert left == ["BBox_List_2017.csv.gz", "nlmcxr_dicom_metadata.csv.gz"]


@pytest.mark.parity
@pytest.mark.parametrize(("name", "wordy"), [("PADCHEST*", True), ("chexpert*", False), ("Data_Entry*", False)])
def test_the_table_of_texts_is_told_from_those_of_numbers(
    xrv_tables: Path, monkeypatch: pytest.MonkeyPatch, name: str, wordy: bool
) -> None:
    monkeypatch.setattr(arrowcsv, "_FIRST_ROWS", 100)
    monkeypatch.setattr(arrowcsv, "_WORDY", 200)
    with gzip.open(next(xrv_tables.glob(name))) as file:
        head = file.read(1 << 20)
    if wordy:
        assert len(arrowcsv._first_rows(head, frozenset({"StudyID", "PatientID"}))) == 100
    else:
        with pytest.raises(arrowcsv._Unsure):
            arrowcsv._first_rows(head, frozenset())
