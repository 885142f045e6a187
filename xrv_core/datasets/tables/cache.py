"""Keep the index of a dataset in a file, so that opening the dataset again parses nothing.

A file is a checksum and an Arrow IPC stream. It is mapped into memory, and its checksum is verified at each opening.
Its name is a hash of all that the index depends on:

* content (by CRC-32 and size, whatever its time) and path of the table, and of every file that one of the dataset's
  attributes names as a ``Path``;
* the other attributes that the dataset has when its table is read: options, spec and label policy;
* the code of its class and its bases: content of the files of their packages;
* the versions of Python, numpy, pandas and pyarrow, and the version of this format.

The files are in ``cache_dir() / "tables"``, 1 GB at most, and may be deleted at any time. ``XRV_TABLE_CACHE=0`` turns
the cache off. Without pyarrow there is none.
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
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets.tables.gunzip import crc32
from xrv_core.datasets.tables.index import Index
from xrv_core.errors import AssetError

__all__ = ["cache_key", "cached_index", "read_index", "write_index"]

_FORMAT = 4
_SMALL = 20_000  # bytes of a table that is parsed as quickly as it is found in the cache
_ROOM = 1_000_000_000  # bytes
_HEAD = 128  # bytes before the stream: the key, the checksum, zeros
_IMPORTED = time.time()  # code that changed after it was imported is not the code that runs


class _NotCached(Exception):
    """A value that the cache cannot describe or restore exactly."""


def cached_index(owner: type, table: Path, state: Mapping[str, Any], build: Callable[[], Index]) -> Index:
    """The index from the cache, or what ``build`` returns, which is then kept.

    Args:
        owner: The dataset's class.
        table: The file that ``build`` reads.
        state: Name -> value of all else that the index depends on.
        build: Makes the index. It must depend on ``table``, ``state`` and code only.

    Raises:
        ArgumentError: ``XRV_TABLE_CACHE`` is neither yes nor no.
    """
    from xrv_core.assets import cache_dir

    small = not table.is_file() or table.stat().st_size < _SMALL
    key = None if small else cache_key(owner, table, state)
    if key is None:
        return build()
    try:
        path = cache_dir() / "tables" / f"{key}.index"
    except AssetError:  # there is no home folder
        return build()
    found = read_index(path, key)
    if found is None:
        found = build()
        if cache_key(owner, table, state) == key:  # else a file changed while the index was built
            write_index(path, key, found)
    return found


def cache_key(owner: type, table: Path, state: Mapping[str, Any]) -> str | None:
    """The name of the index in the cache; None where it is not cached. For arguments see ``cached_index``."""
    from xrv_core.assets import switch

    if not switch("XRV_TABLE_CACHE", default=True):
        return None
    try:
        text = pd.Series(["a"]).dtype  # depends on options of pandas
        versions = [importlib.import_module(name).__version__ for name in ("numpy", "pandas", "pyarrow")]
        modules = [(kind.__module__, kind.__qualname__) for kind in owner.__mro__ if kind is not object]
        parts = {
            "versions": [_FORMAT, platform.python_version(), *versions, repr(text), str(getattr(text, "storage", ""))],
            "class": modules,
            "code": [_code_hash(package) for package in sorted({module.partition(".")[0] for module, _ in modules})],
            "table": table,
            "state": state,
        }
        return hashlib.sha256(json.dumps(_plain(parts)).encode()).hexdigest()
    except (ImportError, OSError, _NotCached):
        return None


def _plain(value: Any) -> Any:
    """``value`` in JSON, such that different values give different texts; a file is its paths and its content."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return [kind.__name__, repr(value)]
    if isinstance(value, Path) and value.is_file():  # which a DataFrame is not
        data = value.read_bytes()
        return ["Path", str(value.absolute()), str(value.resolve()), len(data), crc32(data)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return [kind.__qualname__, [[_plain(k), _plain(v)] for k, v in value.items()]]
    if kind in (list, tuple):
        return [kind.__name__, [_plain(v) for v in value]]
    raise _NotCached


def _code_hash(package: str) -> str:
    """A hash of the files of an imported package, code and data; of ``xrv_core`` only the rooms of datasets."""
    found = hashlib.sha256()
    places = [Path(place) for place in getattr(sys.modules.get(package), "__path__", ())]
    if not places:  # a notebook or a script
        raise _NotCached
    for place in places:
        for folder, names, files in os.walk(place / "datasets" if package == "xrv_core" else place):
            names[:] = sorted(name for name in names if name != "__pycache__")
            for file in sorted(files):
                path = os.path.join(folder, file)  # noqa: PTH118  # ten times as quick, for each file of the code
                with open(path, "rb") as opened:  # noqa: PTH123
                    stat = os.fstat(opened.fileno())
                    if max(stat.st_mtime, stat.st_ctime) > _IMPORTED:
                        raise _NotCached
                    found.update(f"{path}\0{stat.st_size}\0".encode() + opened.read())
            if any(os.path.islink(os.path.join(folder, name)) for name in names):  # noqa: PTH114, PTH118
                raise _NotCached
    return found.hexdigest()


def read_index(path: Path, key: str) -> Index | None:
    """The index in a file; None where there is none, or where the file is damaged or belongs to another key.

    Arrays and texts are views of the file. Its pages are private: what is changed in the index is changed in no file.
    """
    import pyarrow as pa

    try:
        with path.open("rb") as file:
            body = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return None
    if body[:_HEAD] != _head(key, memoryview(body)[_HEAD:]):
        return None
    whole = pa.py_buffer(body)
    table = pa.ipc.open_stream(whole[_HEAD:]).read_all()
    text: Any = pd.Series(["a"]).dtype
    cells = [column.chunk(0).values for column in table.columns]
    cells = [text.__from_arrow__(cell) if pa.types.is_large_string(cell.type) else cell for cell in cells]
    index = {name: _unpacked(note, cells, whole) for name, note in json.loads(table.schema.metadata[b"index"]).items()}
    return Index(**index)


def write_index(path: Path, key: str, index: Index) -> None:
    """Keep an index if it can be restored exactly; a folder that cannot be written to is no error."""
    import pyarrow as pa

    from xrv_core.assets import replacing

    cells: list[Any] = []
    try:
        values = {**index._asdict(), "extras": dict(index.extras)}
        notes = {name: _packed(value, cells) for name, value in values.items()}
    except _NotCached:
        return
    # One row, and a whole column in each cell: so columns of any length are in one table.
    columns = [pa.LargeListArray.from_arrays([0, len(cell)], cell) for cell in cells]
    table = pa.table(columns, names=[str(i) for i in range(len(cells))])
    table = table.replace_schema_metadata({"index": json.dumps(notes)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream = sink.getvalue()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part, part.open("wb") as file:
            file.write(_head(key, stream))
            file.write(stream)
        _make_room(path)


def _head(key: str, stream: Any) -> bytes:
    return (key.encode() + crc32(stream).to_bytes(8, "little")).ljust(_HEAD, b"\0")


def _packed(value: Any, cells: list[Any]) -> Any:
    """A note from which ``_unpacked`` restores ``value``; its columns are added to ``cells``."""
    if type(value) is dict and all(type(name) is str for name in value):
        return {"map": {name: _packed(part, cells) for name, part in value.items()}}
    if isinstance(value, pd.DataFrame):
        names = value.columns
        plain = isinstance(value.index, pd.RangeIndex) and value.index.equals(pd.RangeIndex(len(value)))
        if not plain or not names.is_unique or not all(type(name) is str for name in names):
            raise _NotCached
        return {"frame": {name: _packed_array(value[name], cells) for name in names}, "rows": len(value)}
    if isinstance(value, pd.Series):
        return {"series": _packed_array(value, cells)}
    if isinstance(value, np.ndarray):
        return _packed_array(value, cells)
    with contextlib.suppress(TypeError, ValueError):
        if repr(json.loads(json.dumps(value))) == repr(value):
            return {"plain": value}
    raise _NotCached


def _packed_array(values: Any, cells: list[Any]) -> Any:
    """As ``_packed``, of numbers, of Int64 or of texts."""
    import pyarrow as pa

    if values.dtype == pd.Int64Dtype():
        parts = values.to_numpy(np.int64, na_value=0), values.isna().to_numpy()
        return {"Int64": [_packed_array(part, cells) for part in parts]}
    note: Any = "text"
    if values.dtype == pd.Series(["a"]).dtype:
        texts = pa.array(values, pa.large_string())
        cell = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    else:
        array = np.asarray(values)
        if values.dtype != array.dtype or array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise _NotCached
        cell = pa.array(np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}"))
        note = [array.dtype.str, array.shape]
    cells.append(cell)
    return {"cell": len(cells) - 1, "kind": note}


def _unpacked(note: Any, cells: list[Any], whole: Any) -> Any:
    if "map" in note:
        return {name: _unpacked(part, cells, whole) for name, part in note["map"].items()}
    if "frame" in note:
        columns = {name: _unpacked(part, cells, whole) for name, part in note["frame"].items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(note["rows"]), copy=False)
    if "series" in note:
        return pd.Series(_unpacked(note["series"], cells, whole), copy=False)
    if "Int64" in note:
        return pd.arrays.IntegerArray(*(_unpacked(part, cells, whole) for part in note["Int64"]))
    if "plain" in note:
        return note["plain"]
    cell = cells[note["cell"]]
    if note["kind"] == "text":
        return cell
    kind, shape = note["kind"]
    place = cell.buffers()[1].address - whole.address + cell.offset * np.dtype(kind).itemsize if len(cell) else 0
    return np.frombuffer(whole, kind, len(cell), place).reshape(shape)


def _make_room(newest: Path) -> None:
    """Delete the files that were not used for longest until what is left fits."""
    files = sorted(newest.parent.glob("*.index"), key=lambda file: file.stat().st_atime, reverse=True)
    used = 0
    for file in files:
        used += file.stat().st_size
        if used > _ROOM and file != newest:
            file.unlink(missing_ok=True)
