"""Read a big CSV file of texts with Arrow, where that is certain to give what ``pandas.read_csv`` gives.

It takes half the time, because no text becomes a Python object; where most columns are numbers it would take longer.
Arrow splits the file. What a column is, pandas says: the first rows tell which are texts, and for the others numbers
are read where both read them alike, else pandas reads each distinct text. What the two split differently is left to
pandas: records of uneven length, lone carriage returns, NUL, rows that start with a blank, a text without end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets.columns import in_arrow, text_dtype
from xrv_core.datasets.gunzip import open_gzip

__all__ = ["read_with_arrow"]

#: What pandas takes for a missing value, see ``pandas.read_csv``.
NA = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
_BIG = 5_000_000  # bytes of a file; others are soon read in any case
_WORDY = 200  # bytes of text in a row
_FIRST_ROWS = 100
_BLOCK = 1 << 20  # bytes
_INTEGER = {*b"0123456789-"}
_LONG = 19  # digits, from which pandas may take a column of integers for text with no blanks in it
_DIGITS = 15  # of which pandas and Arrow make the same float: the one next to the decimal number


class _Unsure(Exception):
    """Arrow might give something else than pandas, or take longer."""


def read_with_arrow(path: Path, text: Iterable[str]) -> pd.DataFrame | None:
    """What ``pandas.read_csv(path, dtype=dict.fromkeys(text, str), low_memory=False)`` gives.

    Args:
        path: A .csv or .csv.gz file.
        text: Columns to read as str.

    Returns:
        None where that is not certain, would take longer, or where there is no pyarrow: then pandas reads, or says what
        is wrong.
    """
    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz")) or path.stat().st_size < _BIG:
        return None
    try:
        import pyarrow as pa
        import pyarrow.csv
    except ImportError:
        return None
    if not in_arrow(pd.Series(["a"]).dtype):  # by options of pandas
        return None
    try:
        with open_gzip(path) if name.endswith(".gz") else path.open("rb") as file:
            return _table(_Checked(file), frozenset(text))
    except (_Unsure, pa.ArrowException, ValueError, OSError, EOFError):
        return None


class _Checked(io.RawIOBase):
    """The bytes of ``file``, with a line end at the end; _Unsure where pandas treats some in a way of its own.

    Attributes:
        head: The first of them.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._last = b"\n"
        self.head: bytes = file.read(_BLOCK)
        self._left: bytes = self.head

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self._left or self._file.read(size)
        self._left = b""
        if not chunk and self._last == b"\r":
            raise _Unsure
        if not chunk:  # a text that never ends now is one that ends with a line
            chunk, self._last = b"" if self._last == b"\n" else b"\n", b"\n"
            return chunk
        whole = b"\r" + chunk if self._last == b"\r" else chunk
        if b"\0" in chunk or whole.count(b"\r") != whole.count(b"\r\n") + whole.endswith(b"\r"):
            raise _Unsure
        self._last = chunk[-1:]
        return chunk


def _table(file: _Checked, text: frozenset[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.csv as pc

    first = _first_rows(file.head, text)
    types = {name: pa.large_string() if first[name].dtype == text_dtype() else pa.string() for name in first}
    table = pc.read_csv(
        pa.PythonFile(file, "r"),
        read_options=pc.ReadOptions(use_threads=False, block_size=_BLOCK, skip_rows=1, column_names=list(types)),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(column_types=types, null_values=NA, strings_can_be_null=True),
    )
    _refuse_ends(table)
    columns = {
        name: text_dtype().__from_arrow__(column) if column.type == pa.large_string() else _numbers(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pd.DataFrame(columns, copy=False)


def _first_rows(head: bytes, text: frozenset[str]) -> pd.DataFrame:
    """The first rows as pandas reads them. What is text in them is text in the whole file."""
    header, _, _ = head.partition(b"\n")
    names = header.removesuffix(b"\r").decode().split(",")
    if head[:1] in (b"\xef", b" ", b"\t", b"\r", b"\n", b"") or b'"' in header or len({*names}) < len(names):
        raise _Unsure
    # one more than is looked at, so that none of those is cut short
    rows = pd.read_csv(io.BytesIO(head), dtype=str, nrows=_FIRST_ROWS + 1, keep_default_na=False)
    if len(rows) <= _FIRST_ROWS or len(rows.columns) != len(names) or not isinstance(rows.index, pd.RangeIndex):
        raise _Unsure
    lines = io.StringIO()
    rows[:_FIRST_ROWS].to_csv(lines, index=False)
    lines.seek(0)
    first = pd.read_csv(lines, dtype=dict.fromkeys(text, str), low_memory=False)
    texts = [name for name in first if first[name].dtype == text_dtype()]
    if sum(int(rows[name].str.len().sum()) for name in texts) < _WORDY * len(rows):
        raise _Unsure
    if any(rows[name].str.fullmatch(rf"\s*[+-]?\d{{{_LONG},}}\s*").any() for name in texts if name not in text):
        raise _Unsure
    return first


def _numbers(column: Any) -> Any:
    """A column that starts with numbers, or with nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    used, longest = _letters(column), pc.max(pc.binary_length(column)).as_py() or 0
    try:
        if used <= _INTEGER:
            return column.cast(pa.int64()).to_numpy()  # with blanks they are floats
        if used <= _INTEGER | {ord(".")} and longest <= _DIGITS:
            return column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        pass
    if column.null_count and longest >= _LONG:
        raise _Unsure
    return _distinct(column)


def _letters(column: Any) -> set[int]:
    """The bytes that the texts of a column are written with."""
    used = np.zeros(256, dtype=np.int64)
    for chunk in column.iterchunks():
        _, offsets, data = chunk.buffers()
        if data is not None:
            first, last = np.frombuffer(offsets, np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
            used += np.bincount(np.frombuffer(data, np.uint8)[first:last], minlength=256)
    return {*np.flatnonzero(used).tolist()}


def _distinct(column: Any) -> Any:
    """What pandas makes of the distinct texts of a column, in the order in which it meets them."""
    import pyarrow as pa

    coded = column.combine_chunks().dictionary_encode()
    texts = coded.dictionary.to_pylist()
    blank = [""] if column.null_count else []
    lines = io.StringIO(newline="")
    csv.writer(lines, quoting=csv.QUOTE_ALL).writerows([text] for text in (*texts, *blank))
    lines.seek(0)
    values = pd.read_csv(lines, header=None, low_memory=False)[0]
    if len(values) != len(texts) + len(blank):
        raise _Unsure
    if values.dtype == text_dtype():
        return text_dtype().__from_arrow__(column.cast(pa.large_string()))
    at = coded.indices.fill_null(len(texts)).to_numpy()
    return pd.Series(values.to_numpy()[at], dtype=values.dtype)


def _refuse_ends(table: Any) -> None:
    """_Unsure where a row starts with a blank, or the last ends with a line: pandas may find a text without end."""
    import pyarrow.compute as pc

    if any(pc.any(pc.starts_with(table.column(0), blank)).as_py() for blank in (" ", "\t")):
        raise _Unsure
    if not len(table) or str(table.column(table.num_columns - 1)[-1]).endswith("\n"):
        raise _Unsure
