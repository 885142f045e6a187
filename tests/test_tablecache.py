"""The cache of built indices: what it gives is what would have been built, or it gives nothing."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from real_tables import EIGHT, seed_cache
from table_bench import Bench, assert_same, bench, kept

import xrv_core
from xrv_core.assets import cache_dir
from xrv_core.datasets import FileDataset
from xrv_core.datasets.tables import cache
from xrv_core.errors import ArgumentError

__all__ = ["bench"]  # the fixture

#: Of the real tables, those that are soon read; the others wait for `make test-slow`.
QUICK = ("nih-google", "siim", "vinbrain")


@pytest.mark.parametrize("options", [{}, {"unique_patients": True}, {"option": 0.1, "labels": "torchxrayvision"}])
def test_the_second_opening_builds_nothing_and_gives_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    cold, built = bench.open(**options)
    assert built
    again, built = bench.open(**options)
    assert not built
    monkeypatch.setenv("XRV_TABLE_CACHE", "0")
    without, built = bench.open(**options)
    assert built
    for other in (again, without, pickle.loads(pickle.dumps(again))):
        assert_same(cold, other)
        assert cold.extras["first"] == other.extras["first"] == {"images": ["000", "001"], "option": None}
    assert again.csv["whole"].iloc[0] == 2**60 + 1 or options


def test_what_comes_from_the_cache_can_be_changed(bench: Bench) -> None:
    bench.open()
    again, built = bench.open()
    again.csv.loc[0, "age_years"] = 99.0
    again.csv.loc[0, "image"] = "other"
    again.labels[0, 0] = 7
    assert not built
    assert bench.open()[0].labels[0, 0] == 1


def _append(path: Path, text: str) -> None:
    with path.open("a", newline="") as file:
        file.write(text)


def _swap(path: Path) -> None:
    """Change a byte, and leave size and time of change as they were."""
    time = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    os.utime(path, ns=(time, time))


CHANGES: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "table": lambda b: _append(b.csv, "x,yes,p,0,1,0,M,True,0\n") or {},
    "path of the table": lambda b: {"csvpath": b.csv.rename(b.csv.with_name("other.csv"))},
    "another table": lambda b: _append(b.more, "2\n") or {},
    "no other table": lambda b: {"more": None},
    "label policy": lambda b: {"labels": "torchxrayvision"},
    "option": lambda b: {"option": 1},
    "type of an option": lambda b: {"option": True},
    "code": lambda b: _append(b.package / "dataset.py", "# new\n") or {},
    "terms": lambda b: _append(b.package / "terms.csv", "nodule\n") or {},
    "new file": lambda b: _append(b.package / "more.toml", "a = 1\n") or {},
    "class": lambda b: {"kind": "Curious"},
    "content, but not size and time": lambda b: _swap(b.more) or {},
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_is_another_file(bench: Bench, what: str) -> None:
    bench.open()
    changed = CHANGES[what](bench)
    assert bench.open(**changed)[1]
    assert not bench.open(**changed)[1]
    assert len(kept()) == 2


def test_pandas_options_are_part_of_the_key(bench: Bench) -> None:
    bench.open()
    with pd.option_context("mode.string_storage", "python"):
        opened, built = bench.open()
    assert built
    assert opened.csv["image"].dtype.storage == "python"


@pytest.mark.parametrize("harm", ["cut", "short", "bit", "head", "empty", "foreign"])
def test_a_damaged_file_is_ignored_and_written_again(bench: Bench, harm: str) -> None:
    cold, _ = bench.open()
    (file,) = kept()
    good = data = file.read_bytes()
    if harm == "foreign":  # the intact file of another index
        bench.open(option=1)
        data = next(f for f in kept() if f != file).read_bytes()
    time = file.stat().st_mtime_ns
    flipped = {at: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (len(data) // 2, 70)}
    harmed = {"cut": data[:-9], "short": data[:50], "bit": flipped[len(data) // 2], "head": flipped[70], "empty": b""}
    file.write_bytes({**harmed, "foreign": data}[harm])
    os.utime(file, ns=(time, time))
    again, built = bench.open()
    assert built
    assert_same(cold, again)
    assert file.read_bytes() == good


def test_the_switch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_TABLE_CACHE", "0")
    assert bench.open()[1]
    assert bench.open()[1]
    assert not kept()
    monkeypatch.setenv("XRV_TABLE_CACHE", "perhaps")
    with pytest.raises(ArgumentError) as error:
        bench.open()
    assert "XRV_TABLE_CACHE is 'perhaps'" in str(error.value)


def test_a_cache_that_cannot_be_written_to_is_no_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("xrv_core.assets.replacing", refuse)
        assert bench.open()[1]
    assert not kept()
    (cache_dir() / "tables").rmdir()
    (cache_dir() / "tables").write_text("not a folder")
    assert bench.open()[1]


def test_a_write_that_fails_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cache.os, "fsync", refuse)
        assert bench.open()[1]
    assert not kept()
    assert bench.open()[1]
    assert not bench.open()[1]


def test_a_read_only_cache_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.open()
    (file,) = kept()
    state = file.stat()
    file.parent.chmod(0o555)
    assert not bench.open()[1]
    file.parent.chmod(0o755)
    assert file.stat().st_mtime_ns == state.st_mtime_ns


CACHED = ("chexpert", "nih", "nih-google", "openi", "padchest", "rsna", "siim", "table", "vinbrain")


@pytest.mark.parametrize("name", CACHED)
@pytest.mark.parametrize("with_images", [True, False])
def test_plugins_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, with_images: bool) -> None:
    monkeypatch.setattr(cache, "_SMALL", 0)
    monkeypatch.setattr(cache, "_IMPORTED", 1e12)
    given = xrv_core.miniature(name, tmp_path)
    if not with_images:
        given["imgpath"] = None
    cold = xrv_core.get_dataset(name, **given)
    with monkeypatch.context() as patch:
        patch.setattr(FileDataset, "_built", None)
        again = xrv_core.get_dataset(name, **given)
    assert_same(cold, again)
    assert repr([cold.why(0, label) for label in cold.pathologies]) == repr([again.why(0, p) for p in cold.pathologies])
    if with_images:
        np.testing.assert_array_equal(cold[0]["img"], again[0]["img"])


@pytest.mark.parity
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in EIGHT])
def test_real_tables(name: str, xrv_tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_cache(xrv_tables)
    monkeypatch.setattr(cache, "_IMPORTED", 1e12)
    cold, again = xrv_core.get_dataset(name), xrv_core.get_dataset(name)
    assert_same(cold, again)
    monkeypatch.setenv("XRV_TABLE_CACHE", "0")
    assert_same(cold, xrv_core.get_dataset(name))
    assert len(kept()) == 1
