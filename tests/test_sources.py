"""Folders, zips and tars give the same bytes under the same names, in threads and processes too."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from messages import says

from xrv_core.datasets import ImageSource
from xrv_core.errors import ImageMissing, ImagePathError

FILES = {
    "a.png": b"first",
    "empty.png": b"",
    "sub/b.png": b"second" * 5000,
    "sub/deep er/ü.png": np.random.default_rng(0).bytes(70_000),
}


def make_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def make_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = path.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_stored_zip(path: Path, files: dict[str, bytes]) -> Path:
    return make_zip(path, files, zipfile.ZIP_STORED)


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    path = path.with_suffix(".tar")
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


Maker = Callable[[Path, dict[str, bytes]], Path]
ARCHIVES = [make_zip, make_stored_zip, make_tar]
KINDS = [make_folder, *ARCHIVES]


def named(maker: Maker) -> str:
    return maker.__name__


@pytest.mark.parametrize("make", KINDS, ids=named)
def test_reads_every_file(make: Maker, tmp_path: Path) -> None:
    source = ImageSource(make(tmp_path / "x", FILES))
    assert source.names() == sorted(FILES)
    for name, data in FILES.items():
        assert source.read(name) == data
        assert source.resolve(name) == name
    assert source.read("sub/./b.png") == source.read("./sub//b.png") == FILES["sub/b.png"]


@pytest.mark.parametrize("make", KINDS, ids=named)
def test_missing_gives_positions(make: Maker, tmp_path: Path) -> None:
    source = ImageSource(str(make(tmp_path / "x", FILES)))
    names = ["a.png", "no.png", "sub/b.png", "sub", "sub/no.png", "nowhere/b.png", "a.png/b.png", "empty.png", "A.png"]
    assert source.missing(names) == [1, 3, 4, 5, 6, 8]
    assert source.missing([]) == []


@pytest.mark.parametrize("make", KINDS, ids=named)
@pytest.mark.parametrize("name", ["sub/no.png", "sub"])
def test_reading_what_is_not_there(make: Maker, name: str, tmp_path: Path) -> None:
    source = ImageSource(make(tmp_path / "x", FILES))
    with pytest.raises(ImageMissing, match=f"{source.root}: no file {name!r}.*imgpath"):
        source.read(name)


def test_missing_lists_each_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ImageSource(make_folder(tmp_path, {f"{d}/{i}.png": b"" for d in "ab" for i in range(50)}))
    asked = []
    real = os.scandir
    monkeypatch.setattr("os.scandir", lambda path: asked.append(path) or real(path))
    assert source.missing([f"{d}/{i}.png" for i in range(51) for d in "ab"]) == [100, 101]
    assert len(asked) == 3  # and the top, for archives


# -- names that leave the root


BAD = ["../x.png", "sub/../../x.png", "/etc/passwd", "C:/x.png", "c:x.png", "sub\\x.png", "x\0.png", "", ".", "sub/.."]


@pytest.mark.parametrize("make", [make_folder, make_zip], ids=named)
@pytest.mark.parametrize("name", BAD)
def test_paths_that_leave_the_root(make: Maker, name: str, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"outside")
    for by_name in (False, True):
        source = ImageSource(make(tmp_path / "root", FILES), by_name=by_name)
        for ask, argument in ((source.read, name), (source.resolve, name), (source.missing, ["a.png", name])):
            with pytest.raises(ImagePathError, match=says(repr(name), "imgpath")):
                ask(argument)


def test_a_name_that_is_no_string(tmp_path: Path) -> None:
    with pytest.raises(ImagePathError, match=r"^nan is not an image path.*column"):
        ImageSource(tmp_path).missing(["a.png", float("nan")])  # type: ignore[list-item]


# -- archives with one folder at the top


@pytest.mark.parametrize("make", ARCHIVES, ids=named)
def test_a_single_top_folder_is_the_root(make: Maker, tmp_path: Path) -> None:
    files = {f"./data-v1/{name}": data for name, data in FILES.items()}
    junk = {"__MACOSX/data-v1/._a.png": b"junk", "data-v1/.DS_Store": b"junk"}
    source = ImageSource(make(tmp_path / "x", files | junk))
    assert source.names() == sorted(FILES)
    assert source.read("a.png") == source.read("data-v1/a.png") == b"first"
    assert source.missing(["data-v1/sub/b.png", "sub/b.png", "other/a.png", "data-v1"]) == [2, 3]


@pytest.mark.parametrize("make", ARCHIVES, ids=named)
def test_two_top_folders_stay(make: Maker, tmp_path: Path) -> None:
    source = ImageSource(make(tmp_path / "x", {"train/a.png": b"1", "test/a.png": b"2"}))
    assert source.read("train/a.png") == b"1"
    assert source.missing(["a.png", "test/a.png"]) == [0]


def test_folders_and_hard_links_in_archives(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "root", {"d/a.png": b"one"})
    (root / "d" / "b.png").hardlink_to(root / "d" / "a.png")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(root, "root")
    source = ImageSource(tmp_path / "x.tar")
    assert source.names() == ["d/a.png", "d/b.png"]
    assert source.read("d/a.png") == source.read("d/b.png") == b"one"


def test_backslashes_inside_a_zip(tmp_path: Path) -> None:
    source = ImageSource(make_zip(tmp_path / "x", {"a\\b.png": b"1", "c.png": b"2"}))
    assert source.read("a/b.png") == b"1"


# -- by base name


@pytest.mark.parametrize("make", KINDS, ids=named)
def test_by_name_finds_files_wherever_they_lie(make: Maker, tmp_path: Path) -> None:
    files = {f"images_{i:03}/images/{i}.png": str(i).encode() for i in range(5)}
    source = ImageSource(make(tmp_path / "x", files), by_name=True)
    assert source.read("3.png") == source.read("somewhere/else/3.png") == b"3"
    assert source.resolve("3.png") == "images_003/images/3.png"
    assert source.missing(["0.png", "7.png", "images_001/images/1.png"]) == [1]
    with pytest.raises(ImageMissing, match=r"no file '7.png' in any of its folders"):
        source.read("7.png")


# -- processes and threads


def read_all(source: ImageSource) -> bool:
    return all(source.read(name) == data for name, data in FILES.items())


@pytest.mark.parametrize("make", KINDS, ids=named)
def test_many_threads(make: Maker, tmp_path: Path) -> None:
    source = ImageSource(make(tmp_path / "x", FILES))
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read_all, [source] * 64))


@pytest.mark.parametrize("make", [make_folder, make_zip, make_tar], ids=named)
def test_pickled_into_another_process(make: Maker, tmp_path: Path) -> None:
    source = ImageSource(make(tmp_path / "x", FILES))
    assert read_all(source)
    copy = pickle.loads(pickle.dumps(source))
    assert repr(copy) == repr(source) == f"ImageSource({str(source.root)!r}, by_name=False)"
    assert read_all(copy)
    code = "import pickle, sys; sys.stdout.buffer.write(pickle.load(sys.stdin.buffer).read('sub/b.png'))"
    child = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(source), capture_output=True, check=True)
    assert child.stdout == FILES["sub/b.png"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("make", [make_zip, make_tar], ids=named)
def test_forked_processes_do_not_share_a_position(make: Maker, tmp_path: Path) -> None:
    source = ImageSource(make(tmp_path / "x", FILES))
    assert read_all(source)  # opens the handle before the fork
    with source._handles[""]._state[1]:  # and another thread of the parent holds the lock while it forks
        pool = ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork"))
        jobs = [pool.submit(read_all, source) for _ in range(32)]
        assert all(job.result(timeout=60) for job in jobs)
    pool.shutdown()
    assert read_all(source)
