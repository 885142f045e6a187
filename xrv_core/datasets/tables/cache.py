"""Keep what a dataset made of its tables (its *index*), so that opening it again parses nothing.

A file of the cache holds the columns as they are in memory, with a checksum; nothing in it is ever run. It is mapped:
only what is looked at is read, and processes share it. Its name is a hash of all that the index depends on, so that a
change of anything is another file:

* the bytes and paths of the table, and of every file that the dataset's attributes name;
* every attribute that the dataset has when its table is read: its options, spec and label policy;
* the code: every file of the packages that its class and the bases come from, by size and times of change (on Windows,
  which keeps no time of change that only the system sets: by content);
* versions of Python, numpy, pandas and pyarrow, and pandas' string options.

Other packages that a dataset's rows and labels depend on are not told apart: a class that uses some does not say
``keeps_index``. What cannot be told in this way is not kept, and neither is what would not come back exactly.

The files are in ``cache_dir() / "tables"``, 1 GB at most, and may be deleted at any time; ``XRV_TABLE_CACHE=0`` turns
all of it off, and without pyarrow there is none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import mmap
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pandas as pd

from xrv_core.datasets.tables.columns import NotKept, Pieces
from xrv_core.datasets.tables.gunzip import crc32
from xrv_core.datasets.tables.indexes import Index, holds, packed, unpacked
from xrv_core.errors import ArgumentError

__all__ = ["IndexFile", "index_file"]

_FORMAT = 2
_START = 64  # bytes before the pieces
_SMALL = 20_000  # bytes of a table that is parsed as quickly as it is found in the cache
_ROOM = 1_000_000_000  # bytes
# Code that was changed after it was imported is not the code that runs. Ours is imported by the plugins' own.
_IMPORTED, _MARGIN = time.time(), 10.0  # seconds
_STAMPED = os.name == "posix"  # elsewhere a crash may leave a file of full size that was not wholly written
_LIBRARIES = ("numpy", "pandas", "pyarrow")


class IndexFile:
    """Where the index of one dataset is, or will be.

    Args:
        state: Name -> value of everything that the index depends on.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        from xrv_core.assets import cache_dir

        self._state = dict(state)
        self._key = _key(self._state)
        self.path = cache_dir() / "tables" / f"{self._key}.index"

    def read(self) -> Index | None:
        """The index; None where there is none, or none that is intact."""
        try:
            return self._mapped(self.path)
        except (OSError, ValueError):  # an empty file cannot be mapped
            return None

    def write(self, index: Index) -> None:
        """Keep ``index`` where that can be done exactly; a folder that cannot be written to is no error."""
        try:
            note, pieces = packed(index)
        except NotKept:
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = tempfile.NamedTemporaryFile(dir=self.path.parent, suffix=".part", delete=False)  # noqa: SIM115
            try:
                with part:
                    seal = self._write(part, note, pieces)
                os.utime(part.name, ns=(time.time_ns(), _stamp(seal)))
                kept = self._mapped(Path(part.name))
                # Files or attributes that changed while the index was made may or may not be in it.
                if kept is not None and holds(kept, index) and self._unchanged():
                    Path(part.name).replace(self.path)
                    _make_room(self.path)
            finally:
                Path(part.name).unlink(missing_ok=True)

    def _unchanged(self) -> bool:
        try:
            return _key(self._state) == self._key
        except NotKept:
            return False

    def _write(self, file: IO[bytes], note: Any, pieces: Pieces) -> bytes:
        """Write the pieces, and before them where their note is; return the seal."""
        file.write(bytes(_START))
        checksum = pieces.write(file)
        text = json.dumps({"size": pieces.size, "checksum": checksum, "index": note}).encode()
        file.write(text)
        file.seek(0)
        seal = self._seal(text)
        file.write(seal + len(text).to_bytes(8, "little"))
        return seal

    def _mapped(self, path: Path) -> Index | None:
        """The index in a file as views of it; None where the file is not intact.

        Its pages are private: what is changed in the index is changed in no file. All of the file is read where
        anybody wrote to it after it was made, which its time of change would tell.
        """
        with path.open("rb") as file:
            body = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            changed = os.fstat(file.fileno()).st_mtime_ns
        seal, length = body[:32], int.from_bytes(body[32:40], "little")
        if not 0 < length <= len(body) - _START or seal != self._seal(text := body[len(body) - length :]):
            return None
        note = json.loads(text)
        end = _START + note["size"]
        if end + length != len(body):
            return None
        if not (_STAMPED and changed == _stamp(seal)) and _checksum(body, end) != note["checksum"]:
            return None
        return unpacked(note["index"], body, _START)

    def _seal(self, text: bytes) -> bytes:
        return hashlib.sha256(self._key.encode() + text).digest()


def _stamp(seal: bytes) -> int:
    """The time of change, in ns, that a file with this seal is given: one in 2020, so that nothing else has it."""
    return (1_577_836_800 + 2 * int.from_bytes(seal[:3], "little")) * 10**9  # every file system has even seconds


def _checksum(body: mmap.mmap, end: int) -> int:
    with memoryview(body) as whole:
        return crc32(whole[_START:end])


def index_file(state: Mapping[str, Any], classes: tuple[type, ...], table: Path) -> IndexFile | None:
    """Where the index of a dataset belongs.

    Args:
        state: Name -> value of the attributes and arguments that its class may look at.
        classes: The class and its bases.
        table: The file that will be parsed.

    Returns:
        None where it is not kept: turned off, no pyarrow, a small table, or something that cannot be told exactly.

    Raises:
        ArgumentError: ``XRV_TABLE_CACHE`` is neither yes nor no.
    """
    if not _wanted() or not table.is_file() or table.stat().st_size < _SMALL:
        return None
    try:
        versions = [platform.python_version(), *(importlib.import_module(n).__version__ for n in _LIBRARIES)]
        text = pd.Series(["a"]).dtype  # depends on options of pandas
        packages = sorted({kind.__module__.partition(".")[0] for kind in classes if kind is not object})
        told = {
            "format": _FORMAT,
            "versions": versions,
            "text": [str(text), getattr(text, "storage", "")],
            "class": [f"{kind.__module__}:{kind.__qualname__}" for kind in classes],
            "code": {name: _state_of_package(name) for name in packages},
        }
        return IndexFile({**state, "table": table, "environment": told})
    except (ImportError, OSError, NotKept):
        return None


def _wanted() -> bool:
    value = os.environ.get("XRV_TABLE_CACHE", "1").strip().lower()
    if value not in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ArgumentError(f"XRV_TABLE_CACHE is {value!r}: set it to 1 or 0.")
    return value in ("", "1", "true", "yes", "on")


def _key(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(_told(dict(state))).encode()).hexdigest()


def _told(value: Any) -> Any:
    """``value`` in JSON, so that different values are different texts; files by path and content."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return [kind.__name__, value]
    if kind is float:
        return ["float", value.hex()]
    if kind in (list, tuple):
        return [kind.__name__, [_told(v) for v in value]]
    if kind is dict:
        return ["dict", [[_told(k), _told(v)] for k, v in value.items()]]
    if isinstance(value, Path):
        return ["Path", str(value), str(value.absolute()), _hash_of_file(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return [f"{kind.__module__}:{kind.__qualname__}", _told(fields)]
    raise NotKept


def _hash_of_file(path: Path) -> str:
    from xrv_core.assets import content_sha256

    try:
        return content_sha256(path)
    except OSError:  # not there, or a folder, whose content would have to be told
        raise NotKept from None


def _state_of_package(name: str) -> str:
    """A hash of the state of every file of an imported package: code, and tables that come with it."""
    places = list(getattr(sys.modules.get(name), "__path__", ()))
    if not places or not all(Path(place).is_dir() for place in places):  # a notebook, a script, an archive
        raise NotKept
    found = hashlib.sha256()
    for place in places:
        for file in _files_of(place):
            stat = file.stat()
            if max(stat.st_mtime, stat.st_ctime) > _IMPORTED - _MARGIN:
                raise NotKept
            times = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_dev, stat.st_ino)
            state = times if os.name == "posix" else Path(file.path).read_bytes()
            found.update(f"{file.path}\0{stat.st_size}\0{state!r}\n".encode())
    return found.hexdigest()


def _files_of(folder: str) -> Iterator[os.DirEntry[str]]:
    """All files in a folder and below, in a fixed order; NotKept where a link would lead elsewhere."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.is_dir():
                yield entry
            elif entry.is_symlink():
                raise NotKept
            elif entry.name != "__pycache__":
                yield from _files_of(entry.path)


def _make_room(newest: Path) -> None:
    """Delete the oldest files of the cache until what is left has room."""
    files = sorted(newest.parent.glob("*"), key=lambda file: file.stat().st_atime, reverse=True)
    used = 0
    for file in files:
        used += file.stat().st_size
        if used > _ROOM and file != newest:
            file.unlink(missing_ok=True)
