"""Archives of images: where each file is in a .zip or .tar, and reading it without unpacking."""

from __future__ import annotations

import os
import re
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from xrv_core.errors import ArgumentError

__all__ = ["AGAIN", "Handle", "Member", "archive_members", "common_top", "is_junk", "is_junk_name", "unzip"]

#: Names of archives that can be read in place, and of those that cannot.
ARCHIVES = (".zip", ".tar")
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar")
_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
AGAIN = "Download or copy it again, and compare sizes or checksums with the source."
#: Matches the name of a file or folder that a system leaves beside those of the user, such as ``._a.png`` of macOS.
is_junk_name = re.compile(r"(?s)\._.*|__MACOSX|\.DS_Store|Thumbs\.db|desktop\.ini").fullmatch
_DOCUMENT = re.compile(
    r"(?:^|/)(?:README|LICEN[CS]E|NOTICE|CHANGE(?:S|LOG))[^/]*$|\.(?:txt|md|csv|tsv|json|html?|pdf|xml|ya?ml|gz|sha\d+|md5)$",
    re.IGNORECASE,
)
_IMAGES = frozenset({"png", "jpg", "jpeg", "tif", "tiff", "bmp", "gif", "webp", "dcm", "dicom"})


def is_junk(path: str) -> bool:
    """Whether a file, or a folder on its path, is one that a system left."""
    return any(map(is_junk_name, path.split("/")))


def image_extension(path: str) -> str:
    """The extension of an image file in lower case, such as ".png" or, of ``a.dcm.png``, ".dcm.png"; "" of others."""
    return split_extension(path)[1]


def split_extension(path: str) -> tuple[str, str]:
    """A path without its extension, and the extension: see ``image_extension``."""
    extension = ""
    while True:
        stem, _, last = path.rpartition(".")
        if not stem or last.lower() not in _IMAGES:
            return path, extension
        path, extension = stem, f".{last.lower()}{extension}"


def common_top(names: Iterable[str]) -> str:
    """The folder, with a slash, that all images are in; "" if there are several or files at the top may be images."""
    names = set(names)
    images = [name for name in names if image_extension(name)] or [n for n in names if not _DOCUMENT.search(n)]
    tops = {name.partition("/")[0] if "/" in name else "" for name in images}
    if len(tops) != 1 or "" in tops:
        return ""
    top = f"{tops.pop()}/"
    return "" if any(top + name in names for name in names if not name.startswith(top)) else top


def unzip(handle: Handle, member: Member) -> bytes:
    """The content of a member of a .zip.

    Raises:
        zipfile.BadZipFile, zlib.error, OSError: The archive is damaged.
    """
    header = handle.read(member.offset, 30)  # its last two fields: lengths of name and extra data
    if header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("no file header")
    start = member.offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:], "little")
    data = handle.read(start, member.size)
    if member.method == zipfile.ZIP_DEFLATED:
        data = zlib.decompress(data, wbits=-zlib.MAX_WBITS)
    if zlib.crc32(data) != member.crc:
        raise zipfile.BadZipFile("wrong checksum")
    return data


class Member(NamedTuple):
    """The place of one file in an archive."""

    offset: int  # start of its data (tar) or of its local header (zip)
    size: int  # bytes in the archive
    method: int = zipfile.ZIP_STORED
    crc: int | None = None  # zip only
    archive: str = ""  # where the archive lies below the root; "" is the root itself


class Handle:
    """One file, opened once in each process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fresh()

    def _fresh(self) -> None:
        # one value, so that a thread never sees the lock of one handle with another handle
        self._state: tuple[int, threading.Lock, list[IO[bytes]]] = (os.getpid(), threading.Lock(), [])

    def read(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes from ``offset``; OSError if the file ends earlier."""
        if (
            self._state[0] != os.getpid()
        ):  # forked: the parent's handle shares its file position, and its lock may be held
            self._fresh()
        _, lock, handles = self._state
        with lock:
            if not handles:
                handles.append(self.path.open("rb"))
            handles[0].seek(offset)
            data = handles[0].read(size)
        if len(data) != size:
            raise OSError("the archive is cut short")
        return data

    def __del__(self) -> None:
        for handle in self._state[2]:
            handle.close()


def archive_members(path: Path) -> dict[str, Member]:
    """Every file of an archive by its clean path, without what systems add.

    Raises:
        ArgumentError: The file is no archive, or is compressed as a whole, encrypted or damaged.
    """
    with path.open("rb") as file:
        head = file.read(8)
    for magic, tool in _COMPRESSED.items():
        if head.startswith(magic):
            raise ArgumentError(
                f"{path}: the whole archive is compressed, so single files cannot be read: {tool} it first."
            )
    try:
        if zipfile.is_zipfile(path):
            return _clean(_zip_members(path))
        if tarfile.is_tarfile(path):
            return _clean(_tar_members(path))
    except (zipfile.BadZipFile, tarfile.TarError, OSError) as error:
        raise ArgumentError(f"{path}: damaged archive ({error}). {AGAIN}") from error
    if head.startswith(b"PK") or path.suffix.lower() in (".zip", ".tar"):
        raise ArgumentError(f"{path}: damaged archive (no table of contents). {AGAIN}")
    raise ArgumentError(f"{path}: neither a folder nor a .zip or .tar archive. Check imgpath.")


def _zip_members(path: Path) -> dict[str, Member]:
    members = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise ArgumentError(f"{path}: encrypted. Unpack it with its password and pass the folder.")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArgumentError(
                    f"{path}: {info.filename!r} uses compression method {info.compress_type}, "
                    "but only stored and deflated files can be read. Unpack it and pass the folder."
                )
            if not info.is_dir():
                name = info.filename.replace("\\", "/")  # some Windows tools write backslashes
                members[name] = Member(info.header_offset, info.compress_size, info.compress_type, info.CRC)
    return members


def _tar_members(path: Path) -> dict[str, Member]:
    members = {}
    with tarfile.open(path, "r:") as archive:
        for info in archive:
            if info.isreg() and not info.issparse():
                members[info.name] = Member(info.offset_data, info.size)
            elif info.islnk() and info.linkname in members:
                members[info.name] = members[info.linkname]
    return members


def _clean(found: dict[str, Member]) -> dict[str, Member]:
    clean = {PurePosixPath(name).as_posix(): member for name, member in found.items()}
    return {name: member for name, member in clean.items() if not is_junk(name)}
