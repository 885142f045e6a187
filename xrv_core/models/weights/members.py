"""Weights files as seekable streams: a file, or a member of a zip archive that is read in place."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from xrv_core.assets import within
from xrv_core.errors import CheckpointError, PathMissing, reading, suggestion

__all__ = ["AGAIN", "Source", "leaves_archive", "open_source", "opened_archive"]

#: What to do about a file that cannot be read.
AGAIN = "It is damaged, or not a file of safetensors or torch.save."

CHUNK = 1 << 20
#: Trained weights hardly compress. A member that unpacks to more than this many times its size holds no weights.
MAX_RATIO = 20
#: Smaller members may be all zeros.
SMALL = 16 * CHUNK


class Source(NamedTuple):
    """A weights file, open for reading.

    Attributes:
        stream: Seekable, at its start.
        size: Its bytes.
        name: Its name in messages: a path, or ``archive.zip!member``.
        path: The file on disk; None for a member.
    """

    stream: IO[bytes]
    size: int
    name: str
    path: Path | None


@contextmanager
def open_source(path: Path, member: str | None) -> Iterator[Source]:
    """Open a weights file, or one inside a zip archive without unpacking anything to disk.

    A stored member is read in place; a deflated one is unpacked in memory, up to the size
    that the archive states.

    Raises:
        PathMissing: No such file, or no such member.
        CheckpointError: The archive or the member is damaged.
    """
    if not path.is_file():
        raise PathMissing(f"Weights file {path} does not exist.")
    with reading(path, CheckpointError):
        file = path.open("rb")
    with file:
        if member is None:
            yield Source(file, path.stat().st_size, str(path), path)
            return
        name = f"{path}!{member}"
        with reading(name, CheckpointError, "It is damaged, or not a zip archive."):
            archive = opened_archive(file, path.stat().st_size)
        with archive:
            info = _info(archive, path, member)
            with reading(name, CheckpointError, "The archive is damaged."):
                stream = _stored(file, info) if info.compress_type == zipfile.ZIP_STORED else _inflated(archive, info)
            yield Source(stream, info.file_size, name, None)


def opened_archive(stream: IO[bytes], size: int) -> zipfile.ZipFile:
    """A zip archive whose list of members is not longer than a document, else OverLimit: each member takes memory."""
    stream.seek(max(0, size - (1 << 16) - 100))
    tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    if at >= 0 and len(tail) >= at + 16:
        (length,) = struct.unpack_from("<I", tail, at + 12)
        if tail[at - 20 : at - 16] == b"PK\6\7" and at >= 76:  # the longer numbers of a large archive
            (length,) = struct.unpack_from("<Q", tail, at - 36)
        within("document", length)
    return zipfile.ZipFile(stream)


def leaves_archive(member: str) -> bool:
    """Whether unpacking a member of this name would write outside the folder that is unpacked into."""
    parts = member.replace("\\", "/").split("/")
    return member.startswith(("/", "\\")) or ".." in parts or parts[0].endswith(":")


def _info(archive: zipfile.ZipFile, path: Path, member: str) -> zipfile.ZipInfo:
    if leaves_archive(member):
        raise CheckpointError(f"{path}: the member name {member!r} leads out of the archive, which is refused.")
    found = [info for info in archive.infolist() if info.filename == member]
    if len(found) > 1:
        raise CheckpointError(f"{path} has {len(found)} members named {member!r}, so the name is ambiguous.")
    if not found:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        below = next((f" Did you mean {n!r}?" for n in names if n.endswith(f"/{member}")), "")
        hint = suggestion(member, names, most=1) or below or f" The first of its {len(names)} files are {names[:3]}."
        raise PathMissing(f"{path} has no member {member!r}.{hint}")
    if found[0].is_dir():
        raise CheckpointError(f"Weights file {path}!{member} cannot be read: it is a folder.")
    return found[0]


# -- stored and deflated members


class _Window(io.RawIOBase):
    """Part of a file as a file. ``ZipExtFile`` starts again from the beginning whenever it goes back."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        self._file.seek(self._start + self._at)
        count: int = self._file.readinto(view)  # type: ignore[attr-defined]
        self._at += count
        return count


def _stored(file: IO[bytes], info: zipfile.ZipInfo) -> IO[bytes]:
    _check_plain(info)
    if info.file_size != info.compress_size:
        raise CheckpointError(f"it is stored as {info.compress_size:,} bytes, but should have {info.file_size:,}.")
    file.seek(info.header_offset)
    head = file.read(30)
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        raise CheckpointError("it is not at the position in the archive's directory.")
    start = info.header_offset + 30 + sum(struct.unpack("<HH", head[26:]))
    window = io.BufferedReader(_Window(file, start, info.file_size))
    checksum = length = 0
    while chunk := window.read(CHUNK):
        checksum = zlib.crc32(chunk, checksum)
        length += len(chunk)
    if length != info.file_size:
        raise CheckpointError("the archive is cut off.")
    if checksum != info.CRC:
        raise CheckpointError("its checksum is not the one in the archive.")
    window.seek(0)
    return window


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    _check_plain(info)
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise CheckpointError(
            f"its compression (method {info.compress_type}) is neither 'stored' nor 'deflated'; repack it."
        )
    if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
        raise CheckpointError(
            f"{info.compress_size:,} bytes claim to unpack to {info.file_size:,}, which weights never do; if you "
            "trust it, unpack it yourself and give its path."
        )
    unpacked = io.BytesIO()
    with archive.open(info) as packed:  # stops at the stated size, and checks the checksum there
        while chunk := packed.read(CHUNK):
            unpacked.write(chunk)
    if unpacked.tell() != info.file_size:
        raise CheckpointError(f"it unpacks to {unpacked.tell():,} bytes, but should to {info.file_size:,}.")
    unpacked.seek(0)
    return unpacked


def _check_plain(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise CheckpointError("it is encrypted; unpack it yourself and give its path.")
