"""Columns as pieces of memory, and back as views of it: numbers, Int64, and texts that pandas keeps in Arrow.

Of texts that nobody has looked at yet the memory holds where they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.tables.gunzip import crc32
from xrv_core.datasets.tables.texts import Later, LateTexts, Where, in_arrow, is_late, text_dtype

__all__ = [
    "NotKept",
    "Pieces",
    "column_note",
    "column_of",
    "equal_columns",
    "number_note",
    "numbers_of",
]

_ALIGNED = 64  # bytes: where Arrow wants its buffers


class NotKept(Exception):
    """Something cannot be told exactly, in the key or in the file."""


class Pieces:
    """Pieces of memory that follow each other in a file.

    Attributes:
        size: Bytes of all of them, with what lies between.
    """

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[NDArray[np.uint8]] = []
        self._known: dict[tuple[tuple[int, int], ...], list[int]] = {}

    def add(self, *parts: NDArray[Any]) -> list[int]:
        """``[offset, bytes]`` of the piece made of ``parts``; of zeros alone there is none, and the offset is -1."""
        parts = tuple(_bytes_of(part) for part in parts if part.size)
        size = sum(len(part) for part in parts)
        if not any(part[:_ALIGNED].any() or part.any() for part in parts):  # the first bytes tell it mostly
            return [-1, size]
        place = tuple((part.__array_interface__["data"][0], len(part)) for part in parts)
        if place not in self._known:  # columns may share their memory
            gap = -size % _ALIGNED
            self._parts += [*parts, np.zeros(gap, np.uint8)]
            self._known[place] = [self.size, size]
            self.size += size + gap
        return self._known[place]

    def write(self, file: Any) -> int:
        """Write them, and return their checksum."""
        checksum = 0
        for part in self._parts:
            checksum = crc32(part.data, checksum)
            file.write(part)
        return checksum


def column_note(column: pd.Series[Any], pieces: Pieces) -> Any:
    """What a column is, and where it lies in ``pieces``; NotKept if it would not come back exactly."""
    if isinstance(column.dtype, pd.Int64Dtype):
        missing = column.isna().to_numpy()
        values = column.to_numpy(dtype=np.int64, na_value=0)
        return {"Int64": [number_note(values, pieces), number_note(missing, pieces)]}
    if is_late(column.array):
        later, name, rows = column.array.where
        at = None if rows is None else number_note(rows, pieces)
        return {"late": [name, later.path, later.sha256, later.rows, later.names], "rows": at}
    if in_arrow(column.dtype):
        return {"text": _text_note(column, pieces)}
    if isinstance(column.dtype, np.dtype):
        return number_note(column.to_numpy(), pieces)
    raise NotKept


def column_of(note: Any, body: Any, start: int) -> Any:
    """The column that ``column_note`` was given, as a view of ``body``, whose pieces begin at ``start``."""
    if "Int64" in note:
        values, missing = (numbers_of(part, body, start) for part in note["Int64"])
        return pd.arrays.IntegerArray(values, missing)
    if "late" in note:
        name, path, sha256, rows, names = note["late"]
        chosen = None if note["rows"] is None else numbers_of(note["rows"], body, start)
        return LateTexts.of(Where(Later.at(path, sha256, rows, tuple(names)), name, chosen))
    return _text_of(note["text"], body, start) if "text" in note else numbers_of(note, body, start)


def number_note(values: NDArray[Any], pieces: Pieces) -> Any:
    """As ``column_note``, of an array of numbers."""
    kind = values.dtype
    if kind.kind not in "biuf" or kind.itemsize > 8 or not kind.isnative:
        raise NotKept
    return {"dtype": kind.str, "shape": values.shape, "at": pieces.add(values)}


def numbers_of(note: Any, body: Any, start: int) -> NDArray[Any]:
    """As ``column_of``, of an array of numbers."""
    (offset, size), kind = note["at"], np.dtype(note["dtype"])
    if offset < 0:
        return np.zeros(note["shape"], kind)
    return np.frombuffer(body, kind, size // kind.itemsize, start + offset).reshape(note["shape"])


def equal_columns(a: Any, b: Any) -> bool:
    """Whether two columns or arrays have the same type and the same values, bit for bit."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if isinstance(a.dtype, np.dtype):
        return _same_bytes(np.asarray(a), np.asarray(b))
    if is_late(a.array) and is_late(b.array):
        (*here, rows), (*there, others) = a.array.where, b.array.where
        whole = rows is None or others is None
        return here == there and (rows is others if whole else _same_bytes(rows, others))
    if in_arrow(a.dtype):
        return bool(a.array.__arrow_array__().equals(b.array.__arrow_array__()))
    return bool(a.array.equals(b.array))


def _bytes_of(values: NDArray[Any]) -> NDArray[np.uint8]:
    flat = values if values.ndim == 1 and values.flags.c_contiguous else np.ascontiguousarray(values).reshape(-1)
    return flat.view(np.uint8)


def _same_bytes(a: NDArray[Any], b: NDArray[Any]) -> bool:
    import pyarrow as pa

    return a.shape == b.shape and bool(pa.py_buffer(_bytes_of(a)).equals(pa.py_buffer(_bytes_of(b))))


def _text_note(column: pd.Series[Any], pieces: Pieces) -> Any:
    array = column.array.__arrow_array__()
    ends, parts, size = [np.zeros(1, np.int64)], [], 0
    for chunk in getattr(array, "chunks", [array]):
        _, offsets, data = chunk.buffers()
        if data is None or not len(chunk):
            ends.append(np.full(len(chunk), size))
            continue
        here = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        parts.append(np.frombuffer(data, np.uint8)[here[0] : here[-1]])
        ends.append(here[1:] + (size - here[0]))
        size += len(parts[-1])
    valid = np.packbits(array.is_valid().to_numpy(), bitorder="little") if array.null_count else np.zeros(0, np.uint8)
    whole = here if len(ends) == 2 and parts and not here[0] else np.concatenate(ends)
    at = [pieces.add(part) for part in (valid, whole)] + [pieces.add(*parts)]
    return {"rows": len(column), "blank": array.null_count, "at": at}


def _text_of(note: Any, body: Any, start: int) -> Any:
    import pyarrow as pa

    memory = pa.py_buffer(body)
    valid, ends, data = (
        memory.slice(start + offset, size) if offset >= 0 else pa.py_buffer(bytes(size)) for offset, size in note["at"]
    )
    buffers = [valid if note["blank"] else None, ends, data]
    array = pa.Array.from_buffers(pa.large_string(), note["rows"], buffers, note["blank"])
    return text_dtype().__from_arrow__(array)
