"""What the cache of built indices leaves out, and how it gets on with images, other processes and its own size."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import numpy as np
import pytest
from table_bench import ROWS, Bench, bench, kept, spec

from xrv_core.datasets import FileDataset
from xrv_core.datasets.tables import cache
from xrv_core.errors import ImageMissing

__all__ = ["bench"]  # the fixture


@pytest.mark.parametrize("kind", ["Heir", "Objects", "Holder", "Restless"])
def test_what_cannot_be_described_or_restored_exactly_is_built_each_time(bench: Bench, kind: str) -> None:
    assert bench.open(kind)[1]
    assert bench.open(kind)[1]
    assert not kept()


def test_odd_arguments_are_built_each_time(bench: Bench, tmp_path: Path) -> None:
    for option in (np.float64(1), {1, 2}, object(), tmp_path):
        assert bench.open(option=option)[1]
        assert bench.open(option=option)[1]
    assert not kept()


def test_small_tables_and_code_younger_than_the_process_are_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_IMPORTED", time.time() - 3600)
        bench.open()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_SMALL", 10_000)
        bench.open()
    assert not kept()


def test_without_pyarrow_nothing_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> types.ModuleType:
        if name == "pyarrow":
            raise ModuleNotFoundError(name)
        return importlib.import_module(name)

    monkeypatch.setattr(cache, "importlib", types.SimpleNamespace(import_module=refuse))
    assert bench.open()[1]
    assert not kept()


def test_a_class_without_a_package_is_left_out(bench: Bench) -> None:
    class Local(FileDataset):
        caches_index = True
        text = ("image",)
        build = bench.module.Toy.build

    Local.__module__ = "__main__"  # a notebook or a script
    Local(spec(bench.name), csvpath=bench.csv)
    assert not kept()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for place in (folder, folder / "in"):
        place.mkdir()
        for i in range(ROWS):
            (place / f"00{i}.png").write_bytes(b"")
    return folder


def test_images_are_looked_for_whatever_is_in_the_cache(bench: Bench, images: Path) -> None:
    bench.open(imgpath=images)
    assert not bench.open(imgpath=images)[1]
    for place in (images, images / "in"):  # a copy in another folder would be found
        (place / "003.png").unlink()
    with pytest.raises(ImageMissing, match=r"1 of the 6 images .* the first is '003\.png'"):
        bench.open(imgpath=images)
    opened, built = bench.open(imgpath=images, on_error="skip")
    assert not built
    assert (len(opened), opened.skipped) == (5, ["003.png"])
    assert opened.csv["image"].tolist() == ["000", "001", "002", "004", "005"]
    (images / "003.png").write_bytes(b"")
    opened, built = bench.open(imgpath=images, on_error="skip")
    assert not built
    assert (len(opened), opened.skipped) == (6, [])


def test_where_the_images_are_is_found_out_after_the_cached_index(bench: Bench, images: Path) -> None:
    assert bench.open("Curious", imgpath=images)[1]
    for imgpath, name in ((images, "in/000.png"), (None, "000.png")):
        opened, built = bench.open("Curious", imgpath=imgpath)
        assert not built
        assert opened.image_name(0) == name
    assert len(kept()) == 1


def test_processes_at_once(bench: Bench) -> None:
    code = textwrap.dedent(
        f"""
        import sys
        sys.path[:0] = [{str(bench.package.parent)!r}, {str(Path(__file__).parent)!r}]
        from xrv_core.datasets.tables import cache
        cache._SMALL, cache._IMPORTED = 0, 1e12
        from {bench.name}.dataset import Toy, built
        import table_bench as t
        for _ in range(5):
            d = Toy(t.spec({bench.name!r}), csvpath={str(bench.csv)!r})
            print(d.labels.tobytes().hex(), "|".join(d.csv["source_uid"]))
        """
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    lines = {line for run in runs for line in run.communicate()[0].splitlines()}
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(lines) == 1
    assert [file.suffix for file in kept()] == [".index"]


def test_the_oldest_files_make_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.open(option=1)
    (oldest,) = kept()
    os.utime(oldest, (1, 1))
    monkeypatch.setattr(cache, "_ROOM", int(oldest.stat().st_size * 2.5))
    bench.open(option=2)
    bench.open(option=3)
    assert len(kept()) == 2
    assert oldest not in kept()
