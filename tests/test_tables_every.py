"""One reader, one rule: every table of every dataset, as files of users have been found to be."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xrv_core
from xrv_core.errors import TableError

Rows = list[list[str]]
_HEADED_LATER = {"ralo": 1}  # rows above the header


def _is_table(value: Any) -> bool:
    return isinstance(value, Path) and value.name.endswith((".csv", ".csv.gz"))


@pytest.fixture(scope="module")
def minis(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    made = {}
    for name in xrv_core.list_datasets():
        made[name] = xrv_core.miniature(name, tmp_path_factory.mktemp(name))
    return made


def _tables() -> Iterator[Any]:
    folder = Path(__import__("tempfile").mkdtemp())
    for name in xrv_core.list_datasets():
        for argument, value in xrv_core.miniature(name, folder / name).items():
            if _is_table(value):
                yield pytest.param(name, argument, id=f"{name}-{argument}")


EVERY = pytest.mark.parametrize(("name", "argument"), list(_tables()))


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.name.endswith(".gz") else data).decode()


def _rows(path: Path) -> Rows:
    return list(csv.reader(io.StringIO(_text(path))))


def _written(rows: Rows) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


class Case:
    """A dataset over its miniature, one of whose tables is another one."""

    def __init__(self, name: str, argument: str, mini: dict[str, Any], folder: Path) -> None:
        self.name, self.argument, self.mini, self.folder = name, argument, mini, folder
        self.path: Path = mini[argument]
        self.head = _HEADED_LATER.get(name, 0)
        self.rows = _rows(self.path)

    def changed(self, change: Callable[[int, list[str]], list[str]]) -> str:
        """The table with other data rows; the first is number 0."""
        start = self.head + 1
        return _written([*self.rows[:start], *(change(i, list(row)) for i, row in enumerate(self.rows[start:]))])

    def open(self, data: str | bytes | pd.DataFrame | None = None, *, suffix: str = ".csv") -> Any:
        given = dict(self.mini)
        if isinstance(data, pd.DataFrame):
            given[self.argument] = data
        elif data is not None:
            given[self.argument] = self.folder / f"{self.path.name.partition('.')[0]}{suffix}"
            given[self.argument].write_bytes(data.encode() if isinstance(data, str) else data)
        if self.name == "table":
            given["columns"] = self.path.parent / "table.toml"
            given["collection"] = "c"
        return xrv_core.get_dataset(self.name, **given)

    def same(self, data: str | bytes | pd.DataFrame, *, suffix: str = ".csv") -> None:
        """Assert that the changed table gives what the miniature's gives."""
        expected, found = self.open(), self.open(data, suffix=suffix)
        pd.testing.assert_frame_equal(found.csv, expected.csv)
        np.testing.assert_array_equal(found.labels, expected.labels)
        names = [[d.image_name(i) for i in range(len(d))] for d in (found, expected)]
        assert names[0] == names[1]


@pytest.fixture
def case(name: str, argument: str, minis: dict[str, dict[str, Any]], tmp_path: Path) -> Case:
    return Case(name, argument, minis[name], tmp_path)


@EVERY
def test_blank_cells_at_the_end_of_rows_shift_nothing(case: Case) -> None:
    width = max(len(row) for row in case.rows[case.head :])
    full = [row + [""] * (width - len(row)) for row in case.rows]
    case.rows = full
    case.same(case.changed(lambda i, row: [*row, ""]))
    case.same(case.changed(lambda i, row: [*row, *[" ", ""] * (i % 2)]))
    case.same(case.changed(lambda i, row: [*row, *[""] * (i == 0)]))


@EVERY
@pytest.mark.parametrize("where", ["first", "last", "every"])
def test_a_value_too_many_is_an_error_with_its_line(case: Case, where: str) -> None:
    width = max(len(row) for row in case.rows[case.head :])
    case.rows = [row + [""] * (width - len(row)) for row in case.rows]
    last = len(case.rows) - case.head - 2
    wanted = {"first": [0], "last": [last], "every": [*range(last + 1)]}[where]
    with pytest.raises(TableError) as caught:
        case.open(case.changed(lambda i, row: [*row, "x"] if i in wanted else row))
    line = wanted[0] + case.head + 2
    assert f"{case.path.name.partition('.')[0]}.csv, line {line}:" in str(caught.value)


@EVERY
@pytest.mark.parametrize("start", [0, 1])
def test_row_numbers_under_a_shorter_header_are_no_column(case: Case, start: int) -> None:
    if not case.rows[case.head][0]:
        pytest.skip("its header has a column of row numbers")
    if not any(row[len(case.rows[case.head]) - 1 :] > [""] for row in case.rows[case.head + 1 :]):
        pytest.skip("its last column is blank, so that row numbers look like a comma too many")
    case.same(case.changed(lambda i, row: [str(i + start), *row]))


@EVERY
def test_what_the_table_is_called_and_how_it_is_packed_does_not_matter(case: Case) -> None:
    plain = _text(case.path)
    case.same(gzip.compress(plain.encode()))
    case.same(plain, suffix=".csv.gz")
    case.same(plain.encode("utf-16"))  # with a byte order mark, as Excel writes it
    case.same(_zipped({"a/t.csv": plain, "__MACOSX/a/._t.csv": "\0\5\x16\7", "a/.DS_Store": "\0\0\0\1Bud1"}))


@EVERY
def test_a_data_frame_is_read_as_a_file(case: Case) -> None:
    text = "\n".join(_text(case.path).splitlines()[case.head :])
    for kind in (str,) if case.name == "table" else (None, str):  # its identifiers have leading zeros
        frame = pd.read_csv(io.StringIO(text), dtype=kind)
        before = frame.copy(deep=True)
        case.same(frame)
        pd.testing.assert_frame_equal(frame, before)


@EVERY
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "Save it as CSV"),
        (b"%PDF-1.7\n", "PDF"),
        (b"", "empty"),
    ],
)
def test_what_is_no_table_says_what_it_is(case: Case, data: bytes, words: str) -> None:
    for packed in (data, gzip.compress(data)):
        with pytest.raises(TableError) as caught:
            case.open(packed)
        assert words in str(caught.value)
        assert case.path.name.partition(".")[0] in str(caught.value)


def _zipped(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


PATIENT = {
    "brax": "PatientID",
    "covid19": "patientid",
    "hannover": "patient_id",
    "nih": "Patient ID",
    "nih-google": "Patient ID",
    "padchest": "PatientID",
    "ralo": "Subject_ID",
    "table": "patient",
}


@pytest.mark.parametrize("name", PATIENT)
@pytest.mark.parametrize("word", ["NA", "None", "null", "nan"])
def test_a_patient_may_be_called_na(name: str, word: str, minis: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    case = Case(name, "csvpath", minis[name], tmp_path)
    at = case.rows[case.head].index(PATIENT[name])
    other = next(row[at] for row in case.rows[case.head + 1 :] if row[at])
    text = case.changed(lambda i, row: [word if cell == other and j == at else cell for j, cell in enumerate(row)])
    frame = pd.read_csv(io.StringIO(text), dtype=str, skiprows=case.head, keep_default_na=False)
    before = case.open().csv
    expected = before["patientid"].replace(other, word)
    for given in (text, frame):
        found = case.open(given).csv
        pd.testing.assert_series_equal(found["patientid"], expected)
        pd.testing.assert_series_equal(found["offset_day_int"], before["offset_day_int"])


@pytest.mark.parametrize(("name", "column"), [("nih", "Finding Labels"), ("table", None), ("covid19", "finding")])
def test_a_finding_may_be_called_none(
    name: str, column: str | None, minis: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    if column is None:
        (tmp_path / "t.csv").write_text("image,what\na.png,None|Mass\nb.png,NA\nc.png,\n")
        d = xrv_core.get_dataset("table", csvpath=tmp_path / "t.csv", image="image", findings="what")
        assert d.pathologies == ["Mass", "NA", "None"]
        np.testing.assert_array_equal(d.labels, [[1, 0, 1], [0, 1, 0], [np.nan] * 3])
        return
    case = Case(name, "csvpath", minis[name], tmp_path)
    at = case.rows[case.head].index(column)
    d = case.open(case.changed(lambda i, row: ["None" if j == at else cell for j, cell in enumerate(row)]))
    assert not np.isnan(d.labels).any()
    assert (d.csv[column] == "None").all()


def test_images_may_be_called_na(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,label,age,sex,day\nNA,1,NA,None,NA\nnull,NA,50,F,3\n")
    d = xrv_core.get_dataset(
        "table", csvpath=tmp_path / "t.csv", image="image", labels=["label"], age="age", sex="sex", day="day"
    )
    assert [d.image_name(i) for i in range(2)] == ["NA", "null"]
    np.testing.assert_array_equal(d.labels, [[1], [np.nan]])
    assert d.csv["offset_day_int"].tolist() == [pd.NA, 3]
    assert d.csv["age_years"].isna().tolist() == [True, False]


def test_reports_of_openi_in_a_frame(minis: dict[str, dict[str, Any]]) -> None:
    expected = xrv_core.get_dataset("openi", **minis["openi"])
    found = xrv_core.get_dataset("openi", **{**minis["openi"], "csvpath": expected.csv})
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.csv["source_uid"].tolist() == expected.csv["source_uid"].tolist()
