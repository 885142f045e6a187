"""What a file holds, by its bytes: a table, whatever the file is called; or else a word on what it is instead."""

from __future__ import annotations

import bz2
import codecs
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO, Any

from xrv_core.assets import read_within
from xrv_core.datasets.tables.gunzip import open_gzip

__all__ = ["Open", "contents_of"]

#: Opens the bytes of a table, as often as it is called.
Open = Callable[[], IO[bytes]]


def _open_zstd(file: IO[bytes]) -> Any:
    import zstandard

    return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)


_UNPACK: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": open_gzip,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x28\xb5\x2f\xfd": _open_zstd,
}
_AGAIN = "Download the file itself"
_OTHER = {
    b"version https://git-lfs": "it is a Git LFS pointer. Get the file itself with `git lfs pull`",
    b"\xd0\xcf\x11\xe0": "it is an old Excel workbook (.xls). Save it as CSV",
    b"%PDF": "it is a PDF document",
    b"{\\rtf": "it is a text document (RTF). Save it as CSV",
    b"\x89PNG": "it is an image (PNG)",
    b"\xff\xd8\xff": "it is an image (JPEG)",
    b"GIF8": "it is an image (GIF)",
    b"II*\0": "it is an image (TIFF)",
    b"MM\0*": "it is an image (TIFF)",
    b"ARROW1": "it is an Arrow (Feather) file. Save it as Parquet or CSV",
    b"\x89HDF": "it is an HDF5 file. Save it as Parquet or CSV",
    b"SQLite format 3": "it is a SQLite database. Save the table as CSV",
    b"{": "it is JSON. Give the CSV file",
    b"[{": "it is JSON. Give the CSV file",
}
_IN_ZIP = {
    "xl/workbook.bin": "it is an Excel workbook in the binary format (.xlsb). Save it as CSV",
    "word/document.xml": "it is a Word document. Save the table as CSV",
    "content.xml": "it is an OpenDocument file. Save the table as CSV",
    "Index/Document.iwa": "it is a document of Apple's Numbers. Export the table as CSV",
}
# UTF-32 before UTF-16, whose mark begins that of UTF-32.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LAYERS = 8  # such as a .csv.gz in a .zip
_TABLES = (".csv", ".tsv", ".parquet", ".xlsx", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst")


def contents_of(data: bytes, expected: str = "", encoding: str = "") -> tuple[str, Open]:
    """The kind of table in a file, ``"CSV"``, ``"Parquet"`` or ``"Excel"``, and what opens it: unpacked, text as UTF-8.

    Args:
        data: The bytes of the file.
        expected: The official name of the table, which is taken from an archive of several.
        encoding: Of a text; "" is UTF-8, or what its byte order mark says.

    Raises:
        ValueError: It is no table; the message says what it is, and what to do.
        ImportError: It is packed by Zstandard, and zstandard is not installed.
        OSError, EOFError, RuntimeError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, tarfile.TarError: It cannot be
            unpacked.
    """
    start = data[:4096]
    if start.startswith((b"PK", *_UNPACK)) or start[257:262] == b"ustar":
        data = _unpacked(data, expected)
        start = data[:4096]
    if start.startswith(b"PAR1"):
        return "Parquet", partial(BytesIO, data)
    if start.startswith(b"PK"):
        return "Excel", partial(BytesIO, data)
    mark = next((mark for mark in _MARKS if start.startswith(mark)), b"")
    if not mark and not encoding and b"\0" in start[:64]:  # text of Windows that lost its mark has every other byte 0
        even, odd = start[:64:2], start[1:64:2]
        ends = {"utf-16-le": (odd, even), "utf-16-be": (even, odd)}
        encoding = next((name for name, (zeros, text) in ends.items() if not any(zeros) and all(text)), "")
    encoding = _MARKS.get(mark, encoding)
    if encoding:
        data = data.decode(encoding).encode()
        start = data[:4096]
    text = start.lstrip()
    if not text:
        raise ValueError(f"it is empty. {_AGAIN} again")
    if text.startswith(b"<"):
        raise ValueError(f"it is a web page or XML, so the address did not lead to the table. {_AGAIN}")
    for magic, what in _OTHER.items():
        if text.startswith(magic):
            raise ValueError(what)
    if start[128:132] == b"DICM":
        raise ValueError("it is a DICOM file")
    if b"\0" in start:
        raise ValueError("it is no text, but binary data")
    return "CSV", partial(BytesIO, data)


def _unpacked(data: bytes, expected: str) -> bytes:
    """What is in a packed file, or in an archive of one table; a workbook of Excel stays as it is."""
    for _ in range(_LAYERS):
        unpack = next((unpack for magic, unpack in _UNPACK.items() if data.startswith(magic)), None)
        if unpack is not None:
            with unpack(BytesIO(data)) as stream:
                data = read_within(stream, len(data))
        elif data.startswith((b"PK\3\4", b"PK\5\6")):
            with zipfile.ZipFile(BytesIO(data)) as archive:
                names = archive.namelist()
                if "xl/workbook.xml" in names:
                    return data
                for name in _IN_ZIP.keys() & {*names}:
                    raise ValueError(_IN_ZIP[name])
                info = archive.getinfo(_the_table(names, expected))
                with archive.open(info) as member:
                    data = read_within(member, info.compress_size)
        elif data[257:262] == b"ustar":
            with tarfile.open(fileobj=BytesIO(data)) as tar:
                file = tar.extractfile(_the_table((m.name for m in tar if m.isfile()), expected))
                data = b"" if file is None else read_within(file, len(data))
        else:
            return data
    raise ValueError(f"it is packed more than {_LAYERS} times. Unpack it, and give the table")


def _the_table(names: Iterable[str], expected: str) -> str:
    """The one table among the members of an archive; what macOS and Windows add does not count."""
    paths = {name: PurePosixPath(name) for name in names if not name.endswith("/")}
    own = {name: p for name, p in paths.items() if "__MACOSX" not in p.parts and not p.name.startswith(".")}
    files = [name for name, p in own.items() if p.name != "Thumbs.db"]
    named = [name for name in files if own[name].name in (expected, expected.removesuffix(".gz"))]
    tables = [name for name in files if name.lower().endswith(_TABLES)]
    for found in (named, files, tables):
        if len(found) == 1:
            return found[0]
    shown = ", ".join((tables or files)[:8]) or "none"
    raise ValueError(f"the archive holds {len(tables or files)} files ({shown}). Unpack it, and give the table")
