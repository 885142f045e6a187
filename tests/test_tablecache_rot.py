"""Bit rot: bytes that change while size and time of a file stay as they were never become labels."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_bench import Bench, assert_same, bench, kept

from xrv_core import Asset
from xrv_core.assets import cache_dir, fetch
from xrv_core.datasets import FileDataset
from xrv_core.datasets.tables import cache
from xrv_core.errors import HashMismatch, TableError

__all__ = ["bench"]  # the fixture


def rot(path: Path, rng: random.Random) -> bytes:
    """Change some bytes of a file, restore its time, and return the bytes it had."""
    good, stat = path.read_bytes(), path.stat()
    harmed = bytearray(good)
    for _ in range(rng.choice((1, 1, 2, 8))):
        harmed[rng.randrange(len(harmed))] ^= 1 << rng.randrange(8)
    path.write_bytes(harmed)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return good


def restore(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def outcome(bench: Bench, **options: Any) -> str:
    """The labels that the dataset has now; or the kind of error, and whether it names the table."""
    try:
        return str(bench.open(**options)[0].labels.tolist())
    except (TableError, HashMismatch) as error:
        return f"{type(error).__name__} {str(options.get('csvpath', bench.csv)) in str(error)}"


def test_rot_in_the_cache_is_built_again(bench: Bench) -> None:
    cold, _ = bench.open()
    (file,) = kept()
    for seed in range(50):
        if rot(file, random.Random(seed)) != file.read_bytes():
            again, built = bench.open()
            assert built
            assert_same(cold, again)


def test_rot_in_a_table_gives_what_the_table_says_now(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    good = outcome(bench)
    for seed in range(50):
        path = bench.more if seed % 5 == 4 else bench.csv
        data = rot(path, random.Random(seed))
        found = outcome(bench)
        with monkeypatch.context() as patch:
            patch.setenv("XRV_TABLE_CACHE", "0")
            assert found == outcome(bench)
        restore(path, data)
    assert outcome(bench) == good


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rot_in_a_fetched_table_is_refused(bench: Bench, kind: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        bench.source_rows().to_parquet(bench.csv)
    asset = Asset(name=f"toy/table.{kind}", urls=(bench.csv.as_uri(),), sha256=None, size=None)
    path = fetch(asset)
    good = outcome(bench, csvpath=path)
    for seed in range(25):
        data = rot(path, random.Random(seed))
        stat = path.stat()
        assert fetch(asset) == path, "which trusts size and time"
        assert outcome(bench, csvpath=path) == "HashMismatch True"
        restore(path, data)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert outcome(bench, csvpath=path) == good


def test_a_file_torn_by_a_kill_is_built_again_and_no_litter_stays(bench: Bench) -> None:
    cold, _ = bench.open()
    (file,) = kept()
    data = file.read_bytes()
    litter = file.with_name(f".{file.name}.1.1.new")
    for size in np.linspace(0, len(data) - 1, 20).astype(int):
        file.write_bytes(data[:size])
        again, built = bench.open()
        assert built
        assert_same(cold, again)
    assert not litter.exists()
    assert kept() == [file]


def test_a_full_disk_stops_no_opening(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert bench.open()[1]
    assert not kept()
    assert bench.open()[1]
    assert not bench.open()[1]
    assert cache_dir().is_dir()


def test_what_the_build_raises_names_the_table(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(self: FileDataset, table: Any) -> None:
        raise KeyError("Mass")

    monkeypatch.setattr(bench.module.Toy, "build", build)
    with pytest.raises(TableError, match=r"toy\.csv: cannot be read \(KeyError: 'Mass'\)"):
        bench.open()
    assert cache._FORMAT >= 4
