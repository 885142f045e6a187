"""Parquet tables, and what else pandas should know about a CSV file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from messages import says

from xrv_core.datasets import read_table
from xrv_core.errors import MissingColumns, MissingDependency, TableError


def test_options_reach_pandas(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("group;;\nid;b;c\n007;2;3\n")
    table = read_table(path, needs=["b"], text=["id"], owner="toy", skiprows=1, sep=";")
    assert table.to_dict("list") == {"id": ["007"], "b": [2], "c": [3]}


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(
        {
            "id": ["007", "8"],
            "number": pd.array([12, None], dtype="float64"),
            "share": [0.5, 1.0],
            "yes": [True, False],
            "day": pd.to_datetime(["2020-01-31", None]),
            "other": [1, 2],
        }
    )
    table.to_parquet(tmp_path / "t.parquet")
    table.astype({"number": "Int64"}).to_csv(tmp_path / "t.csv", index=False)
    text = ["id", "number", "share", "yes", "day", "not there"]
    ours, csv = (read_table(tmp_path / f"t.{end}", needs=["id"], text=text, owner="toy") for end in ("parquet", "csv"))
    pd.testing.assert_frame_equal(ours, csv)
    assert ours["number"].tolist()[0] == "12"
    with pytest.raises(MissingColumns, match="'toy' needs the missing column 'x'"):
        read_table(tmp_path / "t.parquet", needs=["x"], owner="toy")


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(TableError, match=f"^{re.escape(str(path))}: cannot be read as a Parquet table for 'toy': "):
        read_table(path, owner="toy")


def test_without_pyarrow_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match=says(tmp_path / "t.parquet", "Parquet", "pip install pyarrow")):
        read_table(tmp_path / "t.parquet", owner="toy")
