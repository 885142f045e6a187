"""Roots and archives that cannot be used."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from xrv_core.datasets import ImageSource
from xrv_core.errors import ArgumentError, ImageError, PathMissing

AGAIN = "Download or copy it again"
FILES = {"a.png": b"first" * 100, "sub/b.png": b"second" * 5000}


def zipped(path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def refused(path: Path, words: str) -> None:
    with pytest.raises(ArgumentError, match=f"{re.escape(str(path))}: .*{words}"):
        ImageSource(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(PathMissing, match=r"no.zip: no such folder or archive.*imgpath"):
        ImageSource(tmp_path / "no.zip")


def test_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    refused(tmp_path / "x.csv", "neither a folder nor .*imgpath")


@pytest.mark.parametrize(
    ("compress", "suffix", "tool"),
    [(gzip, ".tar.gz", "gunzip"), (bz2, ".tar.bz2", "bunzip2"), (lzma, ".tar.xz", "unxz")],
)
def test_compressed_tars(compress, suffix: str, tool: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(compress.compress(tarred(tmp_path / "x.tar").read_bytes()))
    refused(path, f"compressed.*: {tool} ")


def test_truncated_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip")
    path.write_bytes(path.read_bytes()[:-40])
    refused(path, f"damaged .*no table of contents.*{AGAIN}")


def test_truncated_tar(tmp_path: Path) -> None:
    path = tarred(tmp_path / "x.tar")
    path.write_bytes(path.read_bytes()[:3000])
    refused(path, f"damaged .*end of data.*{AGAIN}")


def test_empty_archive_files(tmp_path: Path) -> None:
    for name in ("x.tar", "x.zip"):
        (tmp_path / name).touch()
        refused(tmp_path / name, f"damaged .*no table of contents.*{AGAIN}")


def test_zip_with_a_broken_table_of_contents(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip")
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02")] = 0
    path.write_bytes(data)
    refused(path, f"damaged .*magic number.*{AGAIN}")


def test_encrypted_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # general purpose flag, bit 0
    path.write_bytes(data)
    refused(path, "encrypted.*pass the folder")


def test_other_compression_inside_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", zipfile.ZIP_LZMA)
    refused(path, "'a.png' .*method 14, .*pass the folder")


def test_a_damaged_member_of_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", zipfile.ZIP_STORED)
    data = path.read_bytes().replace(b"firstfirst", b"firstFirst", 1)
    path.write_bytes(data)
    source = ImageSource(path)
    with pytest.raises(ImageError, match=f"x.zip, 'a.png': .*checksum.*{AGAIN}"):
        source.read("a.png")
    assert source.read("sub/b.png") == FILES["sub/b.png"]


def test_damaged_compressed_data_and_header(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "x.zip").read_bytes()
    for place in (whole.index(b"a.png") + 6, 0):
        data = bytearray(whole)
        data[place] ^= 0xFF
        path = tmp_path / "y.zip"
        path.write_bytes(data)
        with pytest.raises(ImageError, match=rf"y.zip, 'a\.png': .*{AGAIN}"):
            ImageSource(path).read("a.png")


def test_an_archive_that_shrinks_under_us(tmp_path: Path) -> None:
    path = tarred(tmp_path / "x.tar")
    source = ImageSource(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ImageError, match=f"x.tar, 'sub/b.png': .*cut short.*{AGAIN}"):
        source.read("sub/b.png")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_names_that_are_not_unique(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for folder in ("one", "two"):
        (root / folder).mkdir(parents=True)
        (root / folder / "a.png").write_bytes(folder.encode())
    (root / "b.png").write_bytes(b"b")
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for file in root.rglob("*.png"):
                archive.write(file, file.relative_to(root))
        root = tmp_path / "x.zip"
    source = ImageSource(root, by_name=True)
    assert source.read("b.png") == b"b"
    assert source.read("two/a.png") == b"two"  # the whole path is unique
    for ask in (source.read, lambda n: source.missing([n])):
        with pytest.raises(ArgumentError, match=r"'a.png' is not a unique .*'one/a.png' and 'two/a.png'.*imgpath"):
            ask("a.png")
