"""What is read from a .gz file is the same with isal and without it, and so is what is damage."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

import pandas as pd
import pytest

from xrv_core.datasets import read_table
from xrv_core.datasets.tables.gunzip import open_gzip
from xrv_core.errors import TableError

TABLE = "a,b\n" + "".join(f"{n},x{n}\n" for n in range(50_000))


@pytest.fixture(params=["isal", "gzip"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "gzip":
        monkeypatch.setitem(sys.modules, "isal", None)
    else:
        pytest.importorskip("isal")
    return str(request.param)


def test_bytes_are_those_of_gzip(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TABLE.encode()) + gzip.compress(b"a second member"))
    with open_gzip(path) as file:
        assert type(file).__module__.partition(".")[0] == reader
        assert file.read(10) == TABLE[:10].encode()
        assert file.read() == TABLE[10:].encode() + b"a second member"


@pytest.mark.parametrize("harm", ["cut", "trailer", "middle", "header"])
def test_damage_is_an_error_that_callers_know(reader: str, tmp_path: Path, harm: str) -> None:
    data = bytearray(gzip.compress(TABLE.encode()))
    if harm == "cut":
        del data[-20:]
    else:
        data[{"trailer": -6, "middle": len(data) // 2, "header": 1}[harm]] ^= 0xFF
    path = tmp_path / "a.csv.gz"
    path.write_bytes(data)
    with open_gzip(path) as file, pytest.raises((OSError, EOFError, zlib.error)):
        list(iter(lambda: file.read(1 << 16), b""))
    with pytest.raises(TableError, match=rf"^{path}: cannot be read as a CSV table for 'toy': "):
        read_table(path, owner="toy")


def test_a_table_reads_the_same(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "a.CSV.GZ"
    path.write_bytes(gzip.compress(TABLE.encode()))
    found = read_table(path, text=["b"], owner="toy")
    pd.testing.assert_frame_equal(found, pd.read_csv(path, compression="gzip", dtype={"b": str}))
