"""What a dataset makes of its tables, as bytes and back: an Arrow table, and a note in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Index", "NotKept", "holds", "packed", "unpacked"]


class Index(NamedTuple):
    """What a dataset makes of its tables.

    Attributes:
        csv: N rows.
        labels: float32 ``[N, P]``.
        order: N numbers, or None.
        attributes: What else the dataset found out, by the name of its attribute.
    """

    csv: pd.DataFrame
    labels: NDArray[np.float32]
    order: pd.Series[Any] | None
    attributes: dict[str, Any]


class NotKept(Exception):
    """Something cannot be told exactly, in the key or in the file."""


def packed(index: Index) -> memoryview:
    """``index`` as an Arrow file; NotKept where Arrow has no such thing."""
    import pyarrow as pa

    csv, order, labels = index.csv, index.order, np.ascontiguousarray(index.labels)
    if not csv.columns.is_unique or not all(type(name) is str for name in csv.columns) or not labels.size:
        raise NotKept
    columns = {f"csv:{name}": csv[name] for name in csv.columns}
    if order is not None:
        columns["order"] = order
    note = {
        "dtypes": {name: _dtype(column) for name, column in columns.items()},
        "paths": {name: str(value) for name, value in index.attributes.items() if isinstance(value, Path)},
        "plain": {name: _plain(value) for name, value in index.attributes.items() if not isinstance(value, Path)},
    }
    arrays = {name: _arrow(column) for name, column in columns.items()}
    arrays["labels"] = pa.FixedSizeListArray.from_arrays(pa.array(labels.ravel()), labels.shape[1])
    table = pa.table(arrays, metadata={"xrv": json.dumps(note)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def unpacked(body: memoryview) -> Index:
    """What ``packed`` was given."""
    columns, labels, note = _parts(body)
    order = columns.pop("order", None)
    return Index(
        csv=pd.DataFrame({name.removeprefix("csv:"): column for name, column in columns.items()}),
        labels=labels.copy(),
        order=None if order is None else pd.Series(order),
        attributes={**{name: Path(text) for name, text in note["paths"].items()}, **note["plain"]},
    )


def holds(body: memoryview, index: Index) -> bool:
    """Whether ``index`` comes back from ``body`` with the same types and values."""
    given = {f"csv:{name}": column for name, column in index.csv.items()}
    if index.order is not None:
        given["order"] = index.order
    columns, labels, _ = _parts(body)
    rows = pd.RangeIndex(len(labels))
    return (
        all(isinstance(column.index, pd.RangeIndex) and column.index.equals(rows) for column in given.values())
        and columns.keys() == given.keys()
        and _equal(labels, np.ascontiguousarray(index.labels))
        and all(_equal(columns[name], _array(column)) for name, column in given.items())
    )


def _parts(body: memoryview) -> tuple[dict[str, Any], NDArray[np.float32], dict[str, Any]]:
    """Columns, labels and note of a file; what can be is a view of it."""
    import pyarrow as pa

    table = pa.ipc.open_file(pa.py_buffer(body)).read_all()
    note = json.loads(table.schema.metadata[b"xrv"])
    labels = table["labels"].combine_chunks()
    columns = {name: _column(table[name], dtype) for name, dtype in note["dtypes"].items()}
    return columns, labels.flatten().to_numpy().reshape(len(labels), -1), note


def _dtype(column: pd.Series[Any]) -> str:
    """Name of the type of ``column``; NotKept if it is none of those that come back exactly."""
    dtype = column.dtype
    plain = isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isnative
    if plain or dtype == _text() or isinstance(dtype, pd.Int64Dtype):
        return str(dtype)
    raise NotKept


def _arrow(column: pd.Series[Any]) -> Any:
    import pyarrow as pa

    array = _array(column)
    return pa.array(array, from_pandas=False) if isinstance(array, np.ndarray) else pa.array(array)  # NaN is no NA


def _array(column: pd.Series[Any]) -> Any:
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def _column(array: Any, dtype: str) -> Any:
    if dtype == "str":
        return _text().__from_arrow__(array)
    whole: Any = pd.Int64Dtype()
    return whole.__from_arrow__(array) if dtype == "Int64" else array.to_numpy()


def _text() -> Any:
    return pd.StringDtype("pyarrow", na_value=np.nan)


def _plain(value: Any) -> Any:
    """``value``, if JSON gives it back exactly."""
    kind = type(value)
    if kind is list:
        return [_plain(v) for v in value]
    if kind is dict and all(type(k) is str for k in value):
        return {k: _plain(v) for k, v in value.items()}
    if value is None or kind in (bool, int, float, str):
        return value
    raise NotKept


def _equal(a: Any, b: Any) -> bool:
    """Whether two arrays are equal in type and values, bit for bit."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if isinstance(a, np.ndarray):
        return bool(np.ascontiguousarray(a).data.cast("B") == np.ascontiguousarray(b).data.cast("B"))
    import pyarrow as pa

    return bool(pa.array(a).equals(pa.array(b)))
