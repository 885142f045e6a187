"""What the cache of built indices leaves out, and how it gets on with images, other processes and its own size."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from table_bench import ROWS, Bench, bench, kept, spec

from xrv_core.datasets import FileDataset, tablecache
from xrv_core.datasets.tables.columns import Pieces, column_note, column_of, equal_columns
from xrv_core.errors import ImageMissing

__all__ = ["bench"]  # the fixture


@pytest.mark.parametrize("kind", ["Heir", "Objects", "Holder", "Restless"])
def test_what_cannot_be_told_or_kept_exactly_is_built_each_time(bench: Bench, kind: str) -> None:
    assert bench.open(kind)[1]
    assert bench.open(kind)[1]
    assert not kept()


@pytest.mark.parametrize("texts", [[], [None, None], [""]])
def test_columns_without_a_letter_come_back(texts: list[str | None]) -> None:
    column, pieces = pd.Series(texts, dtype="str"), Pieces()
    note = column_note(column, pieces)
    assert pieces.size < 128
    body = np.concatenate([*pieces._parts, np.zeros(0, np.uint8)])
    assert equal_columns(pd.Series(column_of(note, body, 0)), column)


def test_odd_arguments_are_built_each_time(bench: Bench, tmp_path: Path) -> None:
    for option in (np.float64(1), {1, 2}, object(), tmp_path):
        assert bench.open(option=option)[1]
        assert bench.open(option=option)[1]
    assert not kept()


def test_small_tables_and_code_younger_than_the_process_are_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tablecache, "_MARGIN", 10.0)
        bench.open()
    with monkeypatch.context() as patch:
        patch.setattr(tablecache, "_SMALL", 10_000)
        bench.open()
    assert not kept()


def test_without_pyarrow_nothing_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tablecache, "_LIBRARIES", ("numpy", "no_such_library"))
    assert bench.open()[1]
    assert not kept()


def test_a_class_without_a_package_is_left_out(bench: Bench) -> None:
    class Local(FileDataset):
        keeps_index = True
        text = ("image",)
        image_names = bench.module.Toy.image_names
        common = bench.module.Toy.common
        label_matrix = bench.module.Toy.label_matrix

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
    (images / "003.png").unlink()
    with pytest.raises(ImageMissing) as error:
        bench.open(imgpath=images)
    assert str(error.value) == (
        f"{images}: 1 of the 6 images that {bench.csv} names are not there; the first is '003.png'. "
        'Check imgpath, or pass on_error="skip" to leave those rows out.'
    )
    opened, built = bench.open(imgpath=images, on_error="skip")
    assert built
    assert (len(opened), opened.skipped) == (5, ["003.png"])
    (images / "003.png").write_bytes(b"")
    opened, built = bench.open(imgpath=images, on_error="skip")
    assert not built
    assert (len(opened), opened.skipped) == (6, [])


def test_an_index_that_depends_on_the_images_is_not_kept(bench: Bench, images: Path) -> None:
    for _ in range(2):
        assert bench.open("Curious", imgpath=images)[1]
    assert not kept()
    assert bench.open("Curious")[1]
    assert not bench.open("Curious")[1]
    assert bench.open("Curious", imgpath=images)[0].image_name(0) == "in/000.png"


def test_processes_at_once(bench: Bench) -> None:
    code = textwrap.dedent(
        f"""
        import sys
        sys.path[:0] = [{str(bench.package.parent)!r}, {str(Path(__file__).parent)!r}]
        from xrv_core.datasets import tablecache
        tablecache._SMALL, tablecache._MARGIN = 0, -1e9
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
    monkeypatch.setattr(tablecache, "_ROOM", int(oldest.stat().st_size * 2.5))
    bench.open(option=2)
    bench.open(option=3)
    assert len(kept()) == 2
    assert oldest not in kept()
