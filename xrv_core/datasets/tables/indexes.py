"""What a dataset makes of its tables, as pieces of memory with a note in JSON that says what they are, and back.

The pieces are the memory of the columns as it is, so that a column can be a view of a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.tables.columns import (
    NotKept,
    Pieces,
    column_note,
    column_of,
    equal_columns,
    number_note,
    numbers_of,
)

__all__ = ["Index", "holds", "packed", "unpacked"]


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


def packed(index: Index) -> tuple[Any, Pieces]:
    """A note for ``unpacked``, and the pieces that it tells of; NotKept where something would not come back exactly."""
    pieces = Pieces()
    if not index.labels.size:
        raise NotKept
    order = None if index.order is None else index.order.to_frame("order")
    values = {"csv": index.csv, "labels": index.labels, "order": order, **_prefixed(index.attributes)}
    return {name: _note(value, pieces) for name, value in values.items()}, pieces


def unpacked(note: Any, body: Any, start: int) -> Index:
    """What ``packed`` was given; its columns are views of ``body``, whose pieces begin at ``start``."""
    values = {name: _value(told, body, start) for name, told in note.items()}
    csv, labels, order = (values.pop(name) for name in ("csv", "labels", "order"))
    attributes = {name.removeprefix("."): value for name, value in values.items()}
    return Index(csv, labels, None if order is None else order["order"], attributes)


def holds(index: Index, given: Index) -> bool:
    """Whether the two have the same types and values."""
    orders = [None if i.order is None else i.order.to_frame("order") for i in (index, given)]
    return (
        _equal(index.csv, given.csv)
        and _equal(index.labels, given.labels)
        and _equal(*orders)
        and index.attributes.keys() == given.attributes.keys()
        and all(_equal(value, given.attributes[name]) for name, value in index.attributes.items())
    )


def _prefixed(attributes: dict[str, Any]) -> dict[str, Any]:
    return {f".{name}": value for name, value in attributes.items()}


def _note(value: Any, pieces: Pieces) -> Any:
    """What ``value`` is, and where it lies in ``pieces``."""
    if isinstance(value, pd.DataFrame):
        names = value.columns
        plain = isinstance(value.index, pd.RangeIndex) and value.index.equals(pd.RangeIndex(len(value)))
        if not plain or not names.is_unique or not all(type(name) is str for name in names):
            raise NotKept
        return {"rows": len(value), "frame": {name: column_note(column, pieces) for name, column in value.items()}}
    if isinstance(value, np.ndarray):
        return {"array": number_note(value, pieces)}
    if isinstance(value, Path):
        return {"path": str(value)}
    return {"plain": _plain(value)}


def _value(note: Any, body: Any, start: int) -> Any:
    """What ``_note`` was given."""
    if "frame" in note:
        columns = {name: column_of(told, body, start) for name, told in note["frame"].items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(note["rows"]), copy=False)
    if "array" in note:
        return numbers_of(note["array"], body, start)
    return Path(note["path"]) if "path" in note else note["plain"]


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
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        pairs = zip(a.items(), b.items(), strict=False)
        return a.columns.equals(b.columns) and all(equal_columns(one, other) for (_, one), (_, other) in pairs)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return equal_columns(a, b)
    return type(a) is type(b) and repr(a) == repr(b)
