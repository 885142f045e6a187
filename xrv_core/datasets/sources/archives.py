"""Archives of images: where each file is in a .zip or .tar, and reading it without unpacking."""

from __future__ import annotations

import io
import itertools
import os
import posixpath
import re
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from xrv_core.assets import unpacked_within, within
from xrv_core.errors import ArgumentError, reading

__all__ = ["AGAIN", "OUTSIDE", "Handle", "Member", "archive_members", "common_top", "is_junk", "is_junk_name", "unzip"]

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
OUTSIDE = -1
_LONGEST_PATH, _LONGEST_CHAIN = 4096, 8  # of links
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
        OverLimit: It has more bytes than the limits allow.
        zipfile.BadZipFile, zlib.error, OSError: The archive is damaged.
    """
    unpacked_within(member.unpacked, member.size)
    header = handle.read(member.offset, 30)  # its last two fields: lengths of name and extra data
    if header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("no file header")
    start = member.offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:], "little")
    data, whole = handle.read(start, member.size), True
    if member.method == zipfile.ZIP_DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = inflater.decompress(data, member.unpacked + 1)
        whole = inflater.eof
    if not whole or len(data) != member.unpacked:
        raise zipfile.BadZipFile(f"it does not unpack to the {member.unpacked:,} bytes that it declares")
    if zlib.crc32(data) != member.crc:
        raise zipfile.BadZipFile("wrong checksum")
    return data


class Member(NamedTuple):
    """The place of one file in an archive."""

    offset: int  # start of its data (tar) or of its local header (zip); OUTSIDE: a link that leaves the archive
    size: int  # bytes in the archive
    unpacked: int  # bytes that it declares
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
            if offset + size > handles[0].seek(0, os.SEEK_END):  # before memory is taken
                raise OSError("the archive is cut short")
            handles[0].seek(offset)
            return handles[0].read(size)

    def __del__(self) -> None:
        for handle in self._state[2]:
            handle.close()


class _Headers(io.BufferedReader):
    """A file of which only headers are read, so that none that declares gigabytes takes them."""

    def read(self, size: int | None = -1, /) -> bytes:
        within("document", size or 0)
        return super().read(size)


def archive_members(path: Path) -> dict[str, Member]:
    """Every file of an archive by its clean path, without what systems add.

    Raises:
        ArgumentError: The file is no archive, is compressed as a whole, encrypted or damaged, or has too many files.
    """
    with reading(path, ArgumentError, AGAIN):
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
            with _Headers(io.FileIO(path)) as file:
                if tarfile.is_tarfile(file):
                    file.seek(0)
                    return _clean(_tar_members(file))
        except (zipfile.BadZipFile, tarfile.TarError, OSError) as error:
            raise ArgumentError(f"{path}: damaged archive ({error}). {AGAIN}") from error
        if head.startswith(b"PK") or path.suffix.lower() in (".zip", ".tar"):
            raise ArgumentError(f"{path}: damaged archive (no table of contents). {AGAIN}")
        raise ArgumentError(f"{path}: neither a folder nor a .zip or .tar archive. Check imgpath.")


def _zip_members(path: Path) -> dict[str, Member]:
    within("files", _zip_entries(path))
    members, links = {}, {}
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
                place = info.header_offset, info.compress_size, info.file_size
                members[name] = Member(*place, info.compress_type, info.CRC)
                if stat.S_ISLNK(info.external_attr >> 16) and info.file_size < _LONGEST_PATH:
                    links[name] = members.pop(name)
    places = sorted((member.offset, member.offset + 30 + member.size) for member in members.values())
    if any(end > start for (_, end), (start, _) in itertools.pairwise(places)):
        raise zipfile.BadZipFile("its files overlap")
    handle = Handle(path)
    return _linked(members, {name: _beside(name, unzip(handle, link).decode()) for name, link in links.items()})


def _zip_entries(path: Path) -> int:
    """How many files a .zip has at most, by the size of its table of contents, which zipfile reads as a whole."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - (1 << 16) - 200))
        tail = file.read()
    end = tail.rfind(b"PK\5\6")
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    if size == 0xFFFFFFFF and (end := tail.rfind(b"PK\6\6")) >= 0:
        size = int.from_bytes(tail[end + 40 : end + 48], "little")
    return size // 46  # bytes of an entry without a name


def _tar_members(file: IO[bytes]) -> dict[str, Member]:
    members, links = {}, {}
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for count, info in enumerate(archive):
            within("files", count)
            if info.isreg() and not info.issparse():
                members[info.name] = Member(info.offset_data, info.size, info.size)
            elif info.islnk():
                links[info.name] = info.linkname
            elif info.issym():
                links[info.name] = _beside(info.name, info.linkname)
    return _linked(members, links)


def _beside(name: str, target: str) -> str:
    """What a symbolic link at ``name`` leads to, from the top of the archive."""
    return posixpath.join(posixpath.dirname(name), target)


def _linked(members: dict[str, Member], links: dict[str, str]) -> dict[str, Member]:
    """The members, and links to them; one that leaves the archive is there, so that reading it is refused."""
    if not links:
        return members
    files = {posixpath.normpath(name): member for name, member in members.items()}
    others = {posixpath.normpath(name): posixpath.normpath(target) for name, target in links.items()}
    for name in others:
        target = name
        for _ in range(_LONGEST_CHAIN):
            target = others.get(target, target)
        if target in files:
            files[name] = files[target]
        elif target.startswith(("/", "..")):
            files[name] = Member(OUTSIDE, 0, 0)
    return files


def _clean(found: dict[str, Member]) -> dict[str, Member]:
    clean = {PurePosixPath(name).as_posix(): member for name, member in found.items()}
    return {name: member for name, member in clean.items() if "\0" not in name and not is_junk(name)}
