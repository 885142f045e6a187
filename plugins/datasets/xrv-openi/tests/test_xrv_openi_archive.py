"""The quick way through the archive of reports: what tarfile gives, or nothing."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from xrv_openi import reports


def archive(path: Path, *names: str, kind: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w:gz", format=kind) as made:
        folder = tarfile.TarInfo("reports")
        folder.type = tarfile.DIRTYPE
        made.addfile(folder)
        for number, name in enumerate(names):
            member = tarfile.TarInfo(name)
            member.size = 511 + number
            made.addfile(member, io.BytesIO(bytes([number]) * member.size))
    return path


def by_tarfile(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as opened:
        found = [(member.name, opened.extractfile(member)) for member in opened]
        return [(name, file.read()) for name, file in found if file is not None]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return archive(tmp_path / "a.tgz", "reports/1.xml", "reports/2.txt", "reports/3.xml")


def test_files_are_those_of_tarfile(plain: Path) -> None:
    assert reports._plain_files(plain) == by_tarfile(plain)
    assert [name for name, _ in reports._documents(plain)] == ["reports/1.xml", "reports/3.xml"]


@pytest.mark.parity
def test_the_real_archive(xrv_tables: Path) -> None:
    path = xrv_tables / "NLMCXR_reports.tgz"
    assert reports._plain_files(path) == by_tarfile(path)


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["x" * 90 + "/" + "y" * 90 + ".xml", "é.xml"])
def test_other_archives_are_left_to_tarfile(tmp_path: Path, kind: int, name: str) -> None:
    path = archive(tmp_path / "a.tgz", name, "b.xml", kind=kind)
    assert reports._plain_files(path) is None
    assert [found for found, _ in reports._documents(path)] == [name, "b.xml"]


@pytest.mark.parametrize("at", [0, 130, 150, 512 + 156])
def test_a_header_that_was_changed_is_left_to_tarfile(plain: Path, at: int) -> None:
    data = bytearray(gzip.decompress(plain.read_bytes()))
    data[at] ^= 3
    plain.write_bytes(gzip.compress(data))
    assert reports._plain_files(plain) is None


def test_a_checksum_is_compared_whole(plain: Path) -> None:
    data = bytearray(gzip.decompress(plain.read_bytes()))
    told = int(data[148:154], 8)
    data[148:154] = b"%06o" % (told + 65_521)
    plain.write_bytes(gzip.compress(data))
    assert reports._plain_files(plain) is None


def test_what_is_cut_short_or_not_packed_is_left_to_tarfile(plain: Path) -> None:
    packed = plain.read_bytes()
    data = gzip.decompress(packed)
    for harmed in (packed[:-9], gzip.compress(data[:1000]), data, b""):
        plain.write_bytes(harmed)
        assert reports._plain_files(plain) is None
