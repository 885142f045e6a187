"""Helpers for all files: write a file as a whole, alone, and say what a full disk is; hash it. Standard library only.

Until a file or folder is whole it is in a hidden folder beside its place, ``.NAME.MACHINE-RANDOM.xrv-new``, in which
the process that writes it holds a lock. So the next process that writes in that place knows what a killed one left.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from xrv_core.errors import ArgumentError, WriteError

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked, and nothing that was left is deleted
    fcntl = None  # type: ignore[assignment]

__all__ = ["alone", "aside", "beside", "replacing", "sha256_of", "writing"]

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_LEFT = re.compile(r"\..+\.([0-9a-f]{8})-[0-9a-f]{8}\.xrv-new")
_DAY = 86_400  # seconds; then what another machine left is deleted, whose locks may be unknown here
_MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"
_swept: set[Path] = set()
_held: set[int] = set()


def sha256_of(source: Path | Any) -> str:
    """The sha256 of a file, or of an open binary stream from its position on."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file so that others see the old one or the new one, and never half of it.

    The block writes to the path that it gets, which ends in the name of ``path``. When the block ends, the bytes are
    flushed to the disk and the new file takes the place and the permissions of ``path``. If the block raises, ``path``
    stays as it is and the new file is deleted; if the process is killed, the next one that writes there deletes it.

    Raises:
        WriteError: The disk is full, or takes no such file.
    """
    with aside(path) as folder:
        new = folder / path.name
        yield new
        with new.open("rb+") as stream:
            os.fsync(stream.fileno())
        if path.exists():
            new.chmod(path.stat().st_mode & 0o7777)
        new.replace(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the disk into a WriteError, which names ``path``, the disk and the bytes that are free on it.

    Other errors pass, such as those of a folder without permission.
    """
    try:
        yield
    except Exception as error:
        rust = re.search(r"\(os error (\d+)\)", str(error))  # as safetensors tells it
        number = error.errno if isinstance(error, OSError) else int(rust[1]) if rust else None
        if number not in _DISK:
            raise
        folder = next(each for each in path.absolute().parents if each.is_dir()).resolve()
        disk = next(each for each in (folder, *folder.parents) if each.is_mount())
        raise WriteError(
            f"{path} cannot be written: {os.strerror(number)}. {shutil.disk_usage(folder).free:,} bytes are free on "
            f"the disk at {disk}. Make room there, or write to another disk."
        ) from error


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A hidden folder beside ``path``, to make something in and to move it out when it is whole; deleted at the end.

    First those are deleted that killed processes left beside ``path``: nobody holds their lock. May raise WriteError.
    """
    if path.absolute().parent not in _swept:
        _swept.add(path.absolute().parent)
        _sweep(path.parent)
    lock = None
    with writing(path):
        while lock is None:  # another process may have deleted the folder before it was locked
            folder = beside(path, f"{_MACHINE}-{os.urandom(4).hex()}.xrv-new")
            folder.mkdir(0o700)
            with suppress(FileNotFoundError):
                lock = _lock(folder / ".lock")
    try:
        with writing(path):  # here, to tell how full the disk was
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _release(lock)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process at a time write a file or folder; ArgumentError tells another at once who does, since when."""
    place = beside(path, "xrv-lock")
    lock = _lock(place) or _lock(place)  # again: the last holder deleted the file as it ended
    if lock is None:
        who = ""
        with suppress(OSError):
            who = place.read_text("utf-8")
        raise ArgumentError(
            f"{path} is being written by {who or 'another process'}. Wait until that ends, or choose another place."
        )
    try:
        with suppress(OSError):  # the lock holds without a note; who writes is told how full the disk is
            place.write_text(f"process {os.getpid()} on {platform.node()} since {time.ctime()}", "utf-8")
        yield
    finally:
        place.unlink(missing_ok=True)
        _release(lock)


def beside(path: Path, ending: str) -> Path:
    """The hidden path ``.NAME.ending`` beside ``path``; a number for a name too long for disks."""
    name = os.fsencode(path.name)
    return path.with_name(f".{path.name if len(name) < 200 else zlib.crc32(name)}.{ending}")


def _sweep(place: Path) -> None:
    with suppress(OSError):
        for entry in os.scandir(place):
            left = _LEFT.fullmatch(entry.name)
            if left and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    folder = Path(entry)
                    newest = max(each.lstat().st_mtime for each in (folder, *folder.rglob("*")))
                    known = left[1] == _MACHINE or time.time() - newest > _DAY
                    if known and (lock := _lock(folder / ".lock", certain=True)):
                        shutil.rmtree(folder, ignore_errors=True)
                        _release(lock)


def _lock(place: Path, *, certain: bool = False) -> int | None:
    """Lock a file without waiting: its descriptor, or None if another process holds it, or just deleted it.

    On a disk without locks the file counts as locked; if ``certain``, OSError is raised.
    """
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
    _held.add(descriptor)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), place.stat()) and not (certain and fcntl is None):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        if error.errno in _NO_LOCKS and not certain:
            return descriptor
        _release(descriptor)
        raise
    _release(descriptor)
    return None


def _release(descriptor: int) -> None:
    _held.discard(descriptor)
    os.close(descriptor)


def _forget() -> None:
    """A forked process, such as one that reads images, keeps no lock of its parent: that may be killed before it."""
    while _held:
        os.close(_held.pop())


if fcntl is not None:
    os.register_at_fork(after_in_child=_forget)
