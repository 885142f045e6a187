"""The files of the cache: mapped, private to whoever changes what is in them, checked when anybody wrote to them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_bench import Bench, assert_same, bench, kept

from xrv_core import Asset
from xrv_core.assets import cache_dir, fetch
from xrv_core.assets.store import known_sha256
from xrv_core.datasets import tablecache
from xrv_core.datasets.tables.columns import NotKept
from xrv_core.datasets.tables.indexes import Index, holds, packed, unpacked

__all__ = ["bench"]  # the fixture


class File:
    """Bytes, as a file would hold them."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, part: Any) -> None:
        self.data += bytes(part)


def through_a_file(index: Index) -> Index:
    note, pieces = packed(index)
    file = File()
    pieces.write(file)
    assert len(file.data) == pieces.size
    return unpacked(note, bytearray(b"x" * 64 + file.data), 64)


TEXT = st.one_of(st.none(), st.text(max_size=5))
COLUMNS = st.fixed_dictionaries(
    {
        "text": st.lists(TEXT, min_size=4, max_size=4),
        "whole": st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=4, max_size=4),
        "number": st.lists(st.floats(width=32), min_size=4, max_size=4),
        "flag": st.lists(st.booleans(), min_size=4, max_size=4),
    }
)


@settings(max_examples=50)
@given(columns=COLUMNS, first=st.integers(0, 3), again=st.booleans())
def test_what_is_written_is_what_is_read(columns: dict[str, list[Any]], first: int, again: bool) -> None:
    table = pd.DataFrame(
        {
            "text": pd.Series(columns["text"], dtype="str"),
            "whole": pd.Series(columns["whole"], dtype="Int64"),
            "number": np.array(columns["number"], dtype=np.float32),
            "flag": columns["flag"],
        }
    )
    if again:  # texts in several pieces
        table = pd.concat([table, table], ignore_index=True)
    table = table.iloc[first:].reset_index(drop=True)  # and in a part of them
    table["same"] = table["text"]
    index = Index(
        table,
        np.arange(2 * len(table), dtype=np.float32).reshape(-1, 2),
        table["number"].rename("order"),
        {
            "path": Path("a/b"),
            "plain": {"x": [1, 2.5, None]},
            "frame": table[["text"]],
            "array": np.zeros((2, 3), bool),
        },
    )
    found = through_a_file(index)
    assert holds(found, index)
    pd.testing.assert_frame_equal(found.csv, table, check_exact=True)
    assert found.labels.flags.writeable
    assert found.csv["number"].to_numpy().tobytes() == table["number"].to_numpy().tobytes()


@pytest.mark.parametrize("change", ["value", "type", "name", "order", "attribute", "kind", "labels"])
def test_a_difference_is_seen(change: str) -> None:
    def index(**changed: Any) -> Index:
        csv = pd.DataFrame(
            {changed.get("name", "a"): pd.Series([1, changed.get("value", 2)], dtype=changed.get("type"))}
        )
        labels = np.array([[0], [changed.get("labels", 1)]], dtype=np.float32)
        return Index(csv, labels, pd.Series([0.0, changed.get("order", 1.0)]), {"n": changed.get("attribute", 1)})

    changes = {"value": 3, "type": "float64", "name": "b", "order": 2.0, "attribute": 2, "kind": True, "labels": np.nan}
    name = "attribute" if change == "kind" else change
    assert holds(through_a_file(index()), index())
    assert not holds(through_a_file(index()), index(**{name: changes[change]}))


@pytest.mark.parametrize(
    "value",
    [np.array(["a"], dtype=object), np.array([1j]), (1, 2), {1: 2}, pd.DataFrame({"a": [1]}, index=[5]), object()],
)
def test_what_would_come_back_as_something_else_is_not_kept(value: Any) -> None:
    with pytest.raises(NotKept):
        packed(Index(pd.DataFrame({"a": [1]}), np.zeros((1, 1), np.float32), None, {"value": value}))


def test_columns_are_views_of_the_file_and_changes_stay_in_the_process(bench: Bench) -> None:
    cold, _ = bench.open()
    (file,) = kept()
    data = file.read_bytes()
    again, built = bench.open()
    assert not built
    for name in ("age_years", "has_masks", "day"):
        memory = again.csv[name].to_numpy()
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        assert type(memory.base).__name__ in ("memoryview", "mmap"), name
    again.csv.loc[0, "age_years"] = 99.0
    again.labels[0, 0] = 7
    assert file.read_bytes() == data
    assert_same(cold, bench.open()[0])


@pytest.mark.parametrize("name", ["posix", "nt"])
def test_a_file_that_somebody_touched_is_read_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    bench.open()
    (file,) = kept()
    read: list[int] = []
    real = tablecache._checksum
    monkeypatch.setattr(tablecache, "_checksum", lambda body, end: read.append(end) or real(body, end))
    if name == "nt":
        monkeypatch.setattr(tablecache, "_STAMPED", False)
    assert not bench.open()[1]
    assert len(read) == (name == "nt")
    os.utime(file)
    assert not bench.open()[1], "copied without its time, but intact"
    assert len(read) == 1 + (name == "nt")


def test_the_hash_of_a_fetched_file_is_known_until_it_changes(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a\n1\n")
    path = fetch(Asset(name="toy/a.csv", urls=(source.as_uri(),), sha256=None, size=None))
    assert path.is_relative_to(cache_dir())
    assert known_sha256(path) == hashlib.sha256(b"a\n1\n").hexdigest()
    assert known_sha256(source) is None
    path.write_bytes(b"a\n2\n")
    assert known_sha256(path) is None
    path.unlink()
    assert known_sha256(path) is None
