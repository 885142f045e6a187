"""Keep what a dataset made of its tables (its *index*), so that opening it again parses nothing.

A file of the cache is an Arrow table behind a hash of itself; nothing in it is ever run. Its name is a hash of all that
the index depends on, so that a change of anything is another file:

* the bytes and paths of the table, and of every file that the dataset's attributes name;
* every attribute that the dataset has when its table is read: its options, spec and label policy;
* the code: every file of the packages that its class and the bases come from;
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
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from xrv_core.datasets.indexes import Index, NotKept, holds, packed, unpacked
from xrv_core.errors import ArgumentError

__all__ = ["IndexFile", "index_file"]

_FORMAT = 1
_SMALL = 200_000  # bytes of a table that is parsed as quickly as it is found in the cache
_ROOM = 1_000_000_000  # bytes
# Code that was changed after it was imported is not the code that runs. Ours is imported by the plugins' own.
_IMPORTED, _MARGIN = time.time(), 10.0  # seconds
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
        self.path = cache_dir() / "tables" / f"{self._key}.arrow"

    def read(self) -> Index | None:
        """The index; None where there is none, or none that is intact."""
        try:
            data = memoryview(self.path.read_bytes())
        except OSError:
            return None
        return unpacked(data[32:]) if data[:32] == self._seal(data[32:]) else None

    def write(self, index: Index) -> None:
        """Keep ``index`` where that can be done exactly; a folder that cannot be written to is no error."""
        try:
            body = packed(index)
            # Files or attributes that changed while the index was made may or may not be in it.
            if not holds(body, index) or _key(self._state) != self._key:
                return
        except NotKept:
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = tempfile.NamedTemporaryFile(dir=self.path.parent, suffix=".part", delete=False)  # noqa: SIM115
            try:
                with part:
                    part.write(self._seal(body))
                    part.write(body)
                Path(part.name).replace(self.path)
            finally:
                Path(part.name).unlink(missing_ok=True)
            _make_room(self.path)

    def _seal(self, body: Any) -> bytes:
        found = hashlib.sha256(self._key.encode())
        found.update(body)
        return found.digest()


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
            "code": {name: _hash_of_package(name) for name in packages},
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
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # not there, or a folder, whose content would have to be told
        raise NotKept from None


def _hash_of_package(name: str) -> str:
    """A hash of every file of an imported package: code, and tables that come with it."""
    places = list(getattr(sys.modules.get(name), "__path__", ()))
    if not places or not all(Path(place).is_dir() for place in places):  # a notebook, a script, an archive
        raise NotKept
    found = hashlib.sha256()
    for place in places:
        for folder, inner, files in os.walk(place):
            inner[:] = sorted(set(inner) - {"__pycache__"})
            if any(Path(folder, name).is_symlink() for name in inner):  # os.walk would pass it by
                raise NotKept
            for file in sorted(files):
                path = Path(folder, file)
                stat = path.stat()
                if max(stat.st_mtime, stat.st_ctime) > _IMPORTED - _MARGIN:
                    raise NotKept
                found.update(f"{path.relative_to(place).as_posix()}\0{stat.st_size}\0".encode())
                found.update(path.read_bytes())
    return found.hexdigest()


def _make_room(newest: Path) -> None:
    """Delete the oldest files of the cache until what is left has room."""
    files = sorted(newest.parent.glob("*"), key=lambda file: file.stat().st_mtime, reverse=True)
    used = 0
    for file in files:
        used += file.stat().st_size
        if used > _ROOM and file != newest:
            file.unlink(missing_ok=True)
