"""Images in a folder, a .zip or a .tar, read by name without unpacking the archive."""

from __future__ import annotations

import os
import re
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from xrv_core.errors import ArgumentError, ImageError, ImageMissing, ImagePathError, PathMissing

__all__ = ["ImageSource", "choose_extension", "release_folder"]

_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
_AGAIN = "Download or copy it again, and compare sizes or checksums with the source."


class _Member(NamedTuple):
    """The place of one file in an archive."""

    offset: int  # start of its data (tar) or of its local header (zip)
    size: int  # bytes in the archive
    method: int = zipfile.ZIP_STORED
    crc: int | None = None  # zip only


class ImageSource:
    """The files below one root, found by relative path with forward slashes.

    A source can be pickled, forked and used by several threads: each process opens its own handle of an
    archive at the first read. If all files of an archive are in one top-level folder, that folder is the
    root; paths that start with it work too.

    Args:
        root: A folder, a .zip or an uncompressed .tar.
        by_name: Find files by base name in any sub-folder (indexed once, at first use).

    Attributes:
        root: The root as given.
        by_name: As given.

    Raises:
        PathMissing: ``root`` does not exist.
        ArgumentError: ``root`` is a file of another kind, or is compressed as a whole, encrypted or damaged.
    """

    def __init__(self, root: str | Path, *, by_name: bool = False) -> None:
        self.root = Path(root)
        self.by_name = by_name
        self._members: dict[str, _Member] | None = None  # None: a folder
        self._top = ""
        self._paths: dict[str, list[str]] | None = None
        self._handle = _Handle(self.root)
        if not self.root.exists():
            raise PathMissing(f"{self.root}: no such folder or archive. Check imgpath.")
        if not self.root.is_dir():
            self._members, self._top = _without_top(_index(self.root))

    def read(self, name: str) -> bytes:
        """The whole file ``name``.

        Raises:
            ImagePathError: ``name`` points outside the root.
            ImageMissing: There is no such file.
            ImageError: The archive is damaged at this file.
            ArgumentError: ``by_name`` is set and the name is not unique.
        """
        path = self.resolve(name)
        if self._members is None:
            return (self.root / path).read_bytes()
        member = self._members[path]
        try:
            return self._handle.read(*member[:2]) if member.crc is None else self._unzip(member)
        except (OSError, zlib.error, zipfile.BadZipFile) as error:
            raise ImageError(f"{self.root}: damaged at {path!r} ({error}). {_AGAIN}") from error

    def resolve(self, name: str) -> str:
        """The path of the file ``name`` below the root; raises as ``read`` does."""
        path = self._lookup(name)
        if path is None or (self._members is None and not (self.root / path).is_file()):
            where = " in any of its folders" if self.by_name else ""
            raise ImageMissing(f"{self.root}: no file {name!r}{where}. Check imgpath.")
        return path

    def missing(self, names: Sequence[str]) -> list[int]:
        """Positions in ``names`` of the missing files, ascending; each folder is listed only once.

        Raises:
            ImagePathError: A name points outside the root.
            ArgumentError: ``by_name`` is set and a name is not unique.
        """
        listings: dict[str, set[str]] = {}
        absent = []
        for position, name in enumerate(names):
            path = self._lookup(name)
            if path is not None and self._members is None and not self.by_name:
                folder, _, base = path.rpartition("/")
                if folder not in listings:
                    listings[folder] = _files_in(self.root / folder)
                path = path if base in listings[folder] else None
            if path is None:
                absent.append(position)
        return absent

    def names(self) -> list[str]:
        """Paths of all files below the root, sorted."""
        return sorted(_walk(self.root) if self._members is None else self._members)

    def __repr__(self) -> str:
        return f"ImageSource({str(self.root)!r}, by_name={self.by_name})"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_handle"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _handle=_Handle(state["root"]))

    def _lookup(self, name: str) -> str | None:
        """Where the file should be; None if the index has no such file."""
        path = _checked(name)
        if self.by_name:
            return self._by_name(path)
        if self._members is None or path in self._members:
            return path
        path = path.removeprefix(self._top)
        return path if path in self._members else None

    def _by_name(self, path: str) -> str | None:
        if self._paths is None:
            index: dict[str, list[str]] = {}
            for file in self.names():
                index.setdefault(file.rpartition("/")[2], []).append(file)
            self._paths = index
        base = path.rpartition("/")[2]
        paths = self._paths.get(base, [])
        if path in paths:
            return path
        if len(paths) > 1:
            raise ArgumentError(
                f"{self.root}: {base!r} is not a unique file name: {paths[0]!r} and {paths[1]!r}. "
                "Pass a narrower imgpath, or remove one of them."
            )
        return paths[0] if paths else None

    def _unzip(self, member: _Member) -> bytes:
        header = self._handle.read(member.offset, 30)  # its last two fields: lengths of name and extra data
        if header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("no file header")
        start = member.offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:], "little")
        data = self._handle.read(start, member.size)
        if member.method == zipfile.ZIP_DEFLATED:
            data = zlib.decompress(data, wbits=-zlib.MAX_WBITS)
        if zlib.crc32(data) != member.crc:
            raise zipfile.BadZipFile("wrong checksum")
        return data


def choose_extension(
    source: ImageSource | None, stems: Sequence[str], choices: Sequence[str], given: str | None = None
) -> str:
    """The file name extension that most of the images have.

    Args:
        source: The user's images; None if the dataset was opened without images.
        stems: Image paths without extension.
        choices: Extensions such as ``(".dcm", ".png")``; the first one wins a tie.
        given: The extension that the user chose; it is not checked against the files.

    Raises:
        ArgumentError: ``given`` is not in ``choices``, or a name is not unique in the source.
    """
    if given is not None:
        if given not in choices:
            raise ArgumentError(f"Unknown extension={given!r}. Choose one of: {', '.join(choices)}.")
        return given
    best, fewest = choices[0], len(stems)
    if source is None:
        return best
    for choice in choices:
        missing = len(source.missing([stem + choice for stem in stems]))
        if missing < fewest:
            best, fewest = choice, missing
        if not fewest:
            break
    return best


def release_folder(source: ImageSource | None, *folders: str) -> str:
    """The first of ``folders`` that exists in ``source``, with a slash, as a prefix of image names; else ``""``."""
    if source is None:
        return ""
    names = [] if source.root.is_dir() else source.names()
    for folder in folders:
        if (source.root / folder).is_dir() or any(name.startswith(f"{folder}/") for name in names):
            return f"{folder}/"
    return ""


class _Handle:
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


def _checked(name: Any) -> str:
    """``name`` as a normalized relative path."""
    if not isinstance(name, str):
        raise ImagePathError(f"{name!r} is not an image path. Check the column of the table that names the images.")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or name.startswith("/") or re.match("[A-Za-z]:", name) or re.search(r"[\\\0]", name):
        raise ImagePathError(
            f"{name!r} does not stay inside imgpath. Image paths are relative, with forward slashes and without '..'."
        )
    return "/".join(parts)


def _files_in(folder: Path) -> set[str]:
    """Names of the files and links to files in ``folder``; empty if it is not a folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _walk(root: Path) -> Iterator[str]:
    """Paths of all files below ``root``; linked folders are followed, each real folder once."""
    seen: set[str] = set()
    todo = [""]
    while todo:
        prefix = todo.pop()
        real = os.path.realpath(root / prefix)
        if real in seen:
            continue
        seen.add(real)
        with os.scandir(real) as entries:
            for entry in entries:
                if entry.is_dir():
                    todo.append(f"{prefix}{entry.name}/")
                elif entry.is_file():
                    yield prefix + entry.name


def _index(path: Path) -> dict[str, _Member]:
    """Every file of an archive."""
    with path.open("rb") as file:
        head = file.read(8)
    for magic, tool in _COMPRESSED.items():
        if head.startswith(magic):
            raise ArgumentError(
                f"{path}: the whole archive is compressed, so single files cannot be read: {tool} it first."
            )
    try:
        if zipfile.is_zipfile(path):
            return _zip_members(path)
        if tarfile.is_tarfile(path):
            return _tar_members(path)
    except (zipfile.BadZipFile, tarfile.TarError, OSError) as error:
        raise ArgumentError(f"{path}: damaged archive ({error}). {_AGAIN}") from error
    if head.startswith(b"PK") or path.suffix.lower() in (".zip", ".tar"):
        raise ArgumentError(f"{path}: damaged archive (no table of contents). {_AGAIN}")
    raise ArgumentError(f"{path}: neither a folder nor a .zip or .tar archive. Check imgpath.")


def _zip_members(path: Path) -> dict[str, _Member]:
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
                members[name] = _Member(info.header_offset, info.compress_size, info.compress_type, info.CRC)
    return members


def _tar_members(path: Path) -> dict[str, _Member]:
    members = {}
    with tarfile.open(path, "r:") as archive:
        for info in archive:
            if info.isreg() and not info.issparse():
                members[info.name] = _Member(info.offset_data, info.size)
            elif info.islnk() and info.linkname in members:
                members[info.name] = members[info.linkname]
    return members


def _without_top(found: dict[str, _Member]) -> tuple[dict[str, _Member], str]:
    """Members by clean path, without their common top-level folder, and that folder with a slash."""
    clean = {PurePosixPath(name).as_posix(): member for name, member in found.items()}
    # macOS adds these files to archives
    clean = {n: m for n, m in clean.items() if not n.startswith("__MACOSX/") and not n.endswith(".DS_Store")}
    tops = {name.partition("/")[0] if "/" in name else "" for name in clean}
    if len(tops) != 1 or "" in tops:
        return clean, ""
    top = f"{tops.pop()}/"
    return {name.removeprefix(top): member for name, member in clean.items()}, top
