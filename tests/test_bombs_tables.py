"""Tables that are small on disk and have no bound in memory are refused at once, whatever they are packed in."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from xrv_core.datasets import read_table
from xrv_core.errors import TableError

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")
MEASURE = """
import json, resource, sys, time
from pathlib import Path
import pandas as pd
from xrv_core.datasets import read_table
from xrv_core.errors import TableError
small = Path(sys.argv[2])
read_table(small, owner="toy")  # imports and buffers
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    read_table(Path(sys.argv[1]), owner="toy", text=("t",))
    why = ""
except TableError as error:
    why = str(error)
print(json.dumps([why[:500], time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""
BIG = 200 << 20
SLOW = ("bzip2", "xz", "tar.gz", "Parquet of 240 million zeros", "Parquet of many columns", "a workbook of zeros")


def _stream(compress: Callable[[bytes], bytes]) -> bytes:
    """Members of a packed file, one after the other: 200 MB of zeros."""
    return compress(b"a,b\n" + b"0,0\n" * 1000) + compress(b"0,0\n" * (1 << 20)) * (BIG >> 22)


def _zip(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def _long_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("t.csv", "w", force_zip64=True) as t:
        for _ in range(BIG >> 22):
            t.write(b"0,0\n" * (1 << 20))
    return file.getvalue()


def _tar_gz() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        info = tarfile.TarInfo("t.csv")
        info.size = BIG
        tar.addfile(info, io.BytesIO(b"0,0\n" * (BIG >> 2)))
    return file.getvalue()


def _nested() -> bytes:
    data = b"a,b\n1,2\n"
    for _ in range(50):
        data = gzip.compress(data)
    return data


def _parquet_repeats() -> bytes:
    file = io.BytesIO()
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 400_000, pa.int32()), pa.array(["x" * 100_000]))
    pa.parquet.write_table(pa.table({"t": cells}), file)
    return file.getvalue()


def _parquet_rows() -> bytes:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    zeros = pa.table({name: pa.array([0] * 1_000_000, pa.int8()) for name in "ab"})
    with pq.ParquetWriter(file, zeros.schema) as writer:
        for _ in range(120):
            writer.write_table(zeros)
    return file.getvalue()


def _parquet_columns() -> bytes:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({f"c{i}": pa.array([0]) for i in range(21_000)}), file)
    return file.getvalue()


def _workbook(change: Callable[[str], str], more: bytes = b"") -> bytes:
    pytest.importorskip("openpyxl")
    file = io.BytesIO()
    pd.DataFrame({"a": [1], "b": [2]}).to_excel(file, index=False)
    other = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data.decode()) if "sheet1" in name else data)
        if more:
            new.writestr("xl/more.xml", more)
    return other.getvalue()


def _far_cell() -> bytes:
    end = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    return _workbook(lambda xml: xml.replace("</sheetData>", end))


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: _stream(gzip.compress),
    "bzip2": lambda: _stream(bz2.compress),
    "xz": lambda: _stream(lambda data: lzma.compress(data, preset=0)),
    "zip": _long_zip,
    "tar.gz": _tar_gz,
    "gzip in zip": lambda: _zip("t.csv.gz", _stream(gzip.compress)),
    "packed fifty times": _nested,
    "ten million commas": lambda: b"a,b\n1,2\n" + b"," * 10_000_000 + b"\n",
    "ten million commas in the header": lambda: b"," * 10_000_000 + b"\n1,2\n",
    "Parquet of one long text": _parquet_repeats,
    "Parquet of 240 million zeros": _parquet_rows,
    "Parquet of many columns": _parquet_columns,
    "the farthest cell of a sheet": _far_cell,
    "a workbook of zeros": lambda: _workbook(lambda xml: xml, b"0" * BIG),
}


@pytest.mark.parametrize("what", [pytest.param(b, marks=[pytest.mark.slow] * (b in SLOW)) for b in BOMBS])
def test_a_bomb_is_refused_in_two_seconds_and_300_mb(what: str, tmp_path: Path) -> None:
    bomb, small = tmp_path / "bomb.csv", tmp_path / "small.csv"
    bomb.write_bytes(BOMBS[what]())
    small.write_text("a,b\n1,2\n")
    done = subprocess.run([sys.executable, "-c", MEASURE, bomb, small], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    why, seconds, kilobytes = json.loads(done.stdout.splitlines()[-1])
    assert str(bomb) in why
    assert seconds < 2
    assert kilobytes < 300_000


def test_the_limit_can_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" * 5_000 for i in range(12)) + "\n" + ",".join(["1"] * 12) + "\n")
    monkeypatch.setenv("XRV_MAX_COLUMNS", "10")
    with pytest.raises(TableError, match="XRV_MAX_COLUMNS"):
        read_table(path, owner="toy")
    monkeypatch.setenv("XRV_MAX_COLUMNS", "12")
    assert read_table(path, owner="toy").shape == (1, 12)
