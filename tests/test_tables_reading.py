"""``read_table`` gives what ``pandas.read_csv`` gives, whichever way it takes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from xrv_core.datasets import common_columns, read_table
from xrv_core.errors import TableError


def assert_read_as_by_pandas(path: Path, text: tuple[str, ...]) -> None:
    found = read_table(path, text=text, owner="toy")
    expected = pd.read_csv(path, low_memory=False)
    if text:
        cells = pd.read_csv(path, dtype=str, usecols=list(text), keep_default_na=False, na_values=[""])
        expected = expected.assign(**cells)
    assert_frame_equal(found, expected, check_exact=True, check_index_type="exact", check_column_type="exact")
    assert found.dtypes.tolist() == expected.dtypes.tolist()


@pytest.mark.parametrize("harm", ["cut", "bit"])
def test_a_damaged_file_is_an_error(tmp_path: Path, harm: str) -> None:
    packed = bytearray(gzip.compress(b"c0,c1\n" + b"".join(b"%d,x\n" % i for i in range(9999))))
    packed = packed[:-20] if harm == "cut" else packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:]
    (tmp_path / "bad.csv.gz").write_bytes(packed)
    with pytest.raises(TableError, match=r"bad\.csv\.gz.*CSV.*'toy'"):
        read_table(tmp_path / "bad.csv.gz", owner="toy")


@pytest.mark.parity
def test_the_real_tables(xrv_tables: Path) -> None:
    text = ("ImageID", "StudyID", "PatientID", "Labels", "image_id", "ImageId", "imageid")
    for file in sorted(xrv_tables.glob("*.csv.gz")):
        columns = pd.read_csv(file, nrows=0).columns
        assert_read_as_by_pandas(file, tuple(name for name in text if name in columns))


def test_a_cell_of_another_type_is_an_error_that_names_the_column() -> None:
    table = pd.DataFrame({"file": ["a", "b"]})
    with pytest.raises(TableError, match=r"'offset_day_int'.*Int64"):
        common_columns(table, {"source_uid": table["file"], "offset_day_int": pd.Series(["1", "x"], dtype="str")})
